"""`init` on a Django and Vue application: what it writes, what it keeps, and that no value gets out."""

import re
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from audit_lib.__main__ import main
from audit_lib.base.errors import BadInput
from audit_lib.cli import records
from audit_lib.settings import choose_policy, load_project
from audit_lib.settings.discover import write_new
from tests.support.applications import django_vue, write
from tests.support.login_logs import APPLICATIONS, Application, visits, written


def run_init(project: Path) -> Result:
    """What `init` ended with, its key beside the project."""
    environ = {"AUDIT_KEY_FILE": str(project.parent / "home" / "key")}
    return CliRunner().invoke(main, ["init", "--project", str(project)], env=environ)


# Service, variable, kind, component, whether it is required.
GUESSES = """
backend ALGOLIA_ADMIN_KEY secret whole optional
backend ALGOLIA_APP_ID identifier whole always
backend ALLOWED_HOSTS setting whole optional
backend CELERY_BROKER_URL secret password optional
backend DATABASE_URL secret password always
backend DJANGO_SECRET_KEY secret whole always
backend EMAIL_HOST_PASSWORD secret whole optional
backend LEGACY_TOKEN secret whole optional
backend SENTRY_DSN setting whole optional
backend STRIPE_SECRET_KEY secret whole always
frontend VITE_API_TOKEN secret whole optional
frontend VITE_API_URL setting whole optional
frontend VITE_FLAG setting whole optional
frontend VITE_MAPS_KEY secret whole optional
frontend VITE_STRIPE_PUBLIC_KEY setting whole optional
""".strip()
SOURCES = [
    (".env", "development", "backend", False),
    (".env.example", "", "backend", True),
    ("frontend/.env.example", "", "frontend", True),
]


def test_init_writes_files_that_the_audit_reads(tmp_path: Path) -> None:
    """audit.toml loads without a fault and names what is there; each guessed line says so, each variable has
    the places where its name was seen, and of no secret an owner or a reason is guessed. A second run changes
    no byte and says so. Instances and zone are lines to fill in: neither is declared until they are."""
    shop = django_vue(tmp_path / "shop")
    result = run_init(shop)
    assert (result.exit_code, result.stderr) == (0, "")
    project = load_project(shop)
    assert project.configured
    assert [(s.path, s.environment, s.service, s.example) for s in project.env_sources] == SOURCES
    assert [(log.pattern, log.service) for log in project.log_sources] == [("logs/*.log*", "backend")]
    policy = choose_policy(project)
    assert (policy.name, policy.extends) == ("shop", "generic")
    rules = [(r.service, r.name, r.kind, r.component, r.required) for r in policy.secrets]
    assert "\n".join(" ".join(rule) for rule in rules) == GUESSES
    text = (shop / "audit.toml").read_text("utf-8")
    assert "# Seen in .env.example:1, shop/settings.py:4\n[[secret]]\n" in text
    guessed = [line for line in text.splitlines() if re.match(r"(service|kind|required|component) ", line)]
    assert guessed
    assert all(line.endswith("# guess") for line in guessed)
    secrets = [rule for rule in policy.secrets if rule.kind == "secret"]
    assert text.count('owner = ""  # fill in') == len(secrets)
    left = {(rule.purpose, rule.owner, rule.reach, rule.reviewed, rule.reason) for rule in secrets}
    assert left == {("", "", "", "", "")}
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    again = run_init(shop)
    assert again.exit_code == 0
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert "audit.toml: exists and is kept" in again.output
    assert "exists in" in again.output
    filled = text.replace("# instances", "instances").replace("# time_zone", "time_zone")
    for content, declared in ((text, (0, False)), (filled, (1, True))):
        (shop / "audit.toml").write_text(content, "utf-8")
        (log,) = load_project(shop).log_sources
        assert (log.instances, log.zone_declared) == declared


def test_only_code_that_fails_without_a_variable_makes_it_required(tmp_path: Path) -> None:
    """Neither an example's line nor a read with a default is a demand, and no limit is invented."""
    code = 'import os\nBILLING = os.environ["BILLING_TOKEN"]\nMAIL = os.environ.get("MAIL_TOKEN")\n'
    example = "BILLING_TOKEN=change-me\nMAIL_TOKEN=change-me\nDEPLOY_TOKEN=change-me\n"
    run_init(write(tmp_path / "api", {".env.example": example, "app.py": code}))
    policy = choose_policy(load_project(tmp_path / "api"))
    required = {rule.name: rule.required for rule in policy.secrets}
    assert required == {"BILLING_TOKEN": "always", "DEPLOY_TOKEN": "optional", "MAIL_TOKEN": "optional"}
    assert not any(rule.period_stated for rule in policy.secrets)


def test_no_value_is_written_or_printed(tmp_path: Path) -> None:
    """Neither the file nor the output holds a value, or a name that only a live file has. The key is outside,
    0600 in a folder of 0700."""
    shop = django_vue(tmp_path / "shop")
    result = run_init(shop)
    lines = (shop / ".env").read_text("utf-8").splitlines()
    values = [value for _, _, value in (line.partition("=") for line in lines) if len(value) > 12]
    assert len(values) == 4
    key = shop.parent / "home" / "key"
    for text in (result.output, (shop / "audit.toml").read_text("utf-8")):
        hidden = [*values, "ONLY_IN_THE_LIVE_FILE", key.read_text("ascii").strip()]
        assert not [value for value in hidden if value in text]
    assert [stat.S_IMODE(path.stat().st_mode) for path in (key, key.parent)] == [0o600, 0o700]
    assert not (shop / ".audit").exists()


def test_nothing_is_written_over_or_through_a_link(tmp_path: Path) -> None:
    """A file that appears between looking and writing is kept, and a link's target is not made."""
    (tmp_path / "there").write_text("mine", "utf-8")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    assert not write_new(tmp_path / "there", "new", "there")
    assert not write_new(tmp_path / "link", "new", "link")
    assert (tmp_path / "there").read_text("utf-8") == "mine"
    assert not (tmp_path / "target").exists()
    with pytest.raises(BadInput, match="cannot be written"):
        write_new(tmp_path / "gone" / "file", "new", "file")


KNOWN = "".join(
    f"{n}=\n" for n in ("API_TOKEN", "TRADIER_API_KEY", "TRADIER_ACCOUNT_ID", "ALPACA_PAPER_API_KEY")
)


@pytest.mark.parametrize(
    ("files", "policy", "sources"),
    [({"backend/.env.example": KNOWN}, "paiid", 1), ({"README.md": "nothing\n"}, "generic", 0)],
)
def test_what_is_known_is_not_guessed(
    tmp_path: Path, files: dict[str, str], policy: str, sources: int
) -> None:
    """An application whose example holds a bundled policy's variables extends it, and has no guesses."""
    assert run_init(write(tmp_path / "app", files)).exit_code == 0
    assert "[[secret]]" not in (tmp_path / "app" / "audit.toml").read_text("utf-8")
    project = load_project(tmp_path / "app")
    found = (project.extends, choose_policy(project).name, len(project.env_sources), project.log_sources)
    assert found == (policy, policy, sources, ())


def test_odd_file_names_cannot_write_toml(tmp_path: Path) -> None:
    """A file's name with quotes, line ends or another encoding adds no line of its own."""
    names = ['.env.a"b', ".env.x\n[[secret]]", ".env.\u200b", ".env.\U000e0001", "a\nb = 1.py", ".env.é"]
    project = write(tmp_path / "odd", dict.fromkeys(names, 'import os\nos.environ["ODD_KEY"]\n'))
    (project / b".env.\xff".decode("utf-8", "surrogateescape")).write_text("A=b\n", "utf-8")
    result = run_init(project)
    assert (result.exit_code, result.stderr) == (0, "")
    paths = {source.path for source in load_project(project).env_sources}
    assert paths == {names[0], names[2], names[3], names[5]}
    assert result.output.count("not named in audit.toml") == 2
    assert [rule.name for rule in choose_policy(load_project(project)).secrets] == ["ODD_KEY"]


def test_code_beyond_the_bound_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is more code than is searched, the output says how much."""
    monkeypatch.setattr(records, "MAX_CODE_FILES", 2)
    result = run_init(write(tmp_path / "big", {f"{n}.py": 'os.environ["A_KEY"]\n' for n in range(5)}))
    assert "not searched: 3 code files beyond the first 2" in result.output


@pytest.mark.parametrize("application", APPLICATIONS, ids=lambda one: one.name)
def test_logins_are_proposed_as_comments(application: Application, tmp_path: Path) -> None:
    """A new audit.toml asks about the login that the logs show; taken over, it is read without a fault."""
    project = write(tmp_path / "app", {"logs/web.log": written(application, visits(3))})
    assert "is that your login?" in run_init(project).stdout
    text = (project / "audit.toml").read_text("utf-8")
    assert load_project(project).logins == ()
    taken = re.sub(r"(?m)^# (\[\[logins|(?:name|route|method|failed_|succeeded_))", r"\1", text)
    for words in ('failed_message = "…"', 'failed_redirect = "/…"'):
        taken = taken.replace(words, words.replace("/…", "/login").replace("…", "Login failed"))
    (project / "audit.toml").write_text(taken, "utf-8")
    (login,) = load_project(project).logins
    assert f'route = "{login.route}"' in application.declaration

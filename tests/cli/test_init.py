"""`init`, and a review, of applications that nobody wrote a policy for: what is written, named and kept."""

import re
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from audit_lib.__main__ import main
from audit_lib.audit import Audit
from audit_lib.base.errors import BadInput
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.settings import choose_policy, load_project, variables
from audit_lib.settings.discover import write_new
from tests.base.test_git import git
from tests.support.applications import django_vue, stranger, write
from tests.support.audits import run_audit
from tests.support.fakes import fake_value
from tests.support.login_logs import APPLICATIONS, Application, visits, written
from tests.support.planter import new_plot

DB, BASE, ODD = (fake_value(word, 32) for word in ("db", "base", "odd"))


def run_init(project: Path) -> Result:
    """What `init` ended with, its key beside the project."""
    environ = {"AUDIT_KEY_FILE": str(project.parent / "home" / "key")}
    return CliRunner().invoke(main, ["init", "--project", str(project)], env=environ)


def init(project: Path) -> Path:
    """The project, with the audit.toml that `init` wrote."""
    result = run_init(project)
    assert (result.exit_code, result.stderr) == (0, "")
    return project


def reviewed(project: Path) -> Audit:
    """The audit of a project."""
    return run_audit(load_project(project), "2026Q3", "2026-09-30", keeper=Keeper(Key(b"k" * 32, "demo")))


CASES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))


def test_what_nobody_signed_is_not_known(tmp_path: Path) -> None:
    """What is declared of secrets and logins, where files are, when ages end; what ends a limit is found."""
    path = init(project := django_vue(tmp_path / "shop")) / "audit.toml"
    text, named = path.read_text(), 'name = "LEGACY_TOKEN"'
    file = next(one for one in re.findall(r"\[\[env\]\]\n(?:.+\n)+", text) if "frontend" in one)
    corrected = re.sub(rf'({named}\n(?:.+\n)*?kind = )"secret"', r'\1"setting"', text)
    declared = [text.replace(*edit, 1) for edit in CASES["declared"]]
    for edited in (text, text.replace(file, ""), corrected, *declared):
        path.write_text(edited)
        changes = reviewed(project).settings_changes
        assert changes["setting"].tolist() == ["declared secrets and logins", "the place of a file"]
        assert not changes["known"].any()
    for line, old in (("max_age_days = 366", 14), ("exempt = true", 13)):
        path.write_text(text.replace(named, f"{named}\n{line}"))
        audit = reviewed(project)
        assert audit.settings_changes.query("known")["setting"].item().endswith(line.split()[0])
        assert f"Nothing is known to fall due; {old} of {old} ages are not known." in audit.summary().text()
    git(project, "init", "-q")  # what git does not track is the owner's own word
    assert reviewed(project).settings_changes["setting"].tolist() == changes["setting"].tolist()
    git(project, "add", "audit.toml")
    assert reviewed(project).settings_changes["known"].any()


def test_init_writes_files_that_the_audit_reads(tmp_path: Path) -> None:
    """audit.toml loads, names what is there and where it was seen, and says of each guess that it is one."""
    shop = django_vue(tmp_path / "shop")
    project = load_project(init(shop))
    assert project.configured
    assert [[s.path, s.environment, s.service, s.example] for s in project.env_sources] == CASES["sources"]
    assert [(log.pattern, log.service) for log in project.log_sources] == [("logs/*.log*", "backend")]
    policy = choose_policy(project)
    assert (policy.name, policy.extends) == ("shop", "generic")
    rules = [(r.service, r.name, r.kind, r.component, r.required) for r in policy.secrets]
    assert "\n".join(" ".join(rule) for rule in rules) == CASES["guesses"]
    text = (shop / "audit.toml").read_text("utf-8")
    assert "# Seen in .env:1, .env.example:1, shop/settings.py:4\n[[secret]]\n" in text
    assert 'path = ".env"\nenvironment = "development"  # guess: is it production\'s?\n' in text
    guessed = [line for line in text.splitlines() if re.match(r"(service|kind|required|component) ", line)]
    assert [line.endswith("# guess") for line in guessed] == [True] * len(guessed) != []
    secrets = [rule for rule in policy.secrets if rule.kind == "secret"]
    assert text.count('owner = ""  # fill in') == len(secrets)
    left = {(rule.purpose, rule.owner, rule.reach, rule.reviewed, rule.reason) for rule in secrets}
    assert left == {("", "", "", "", "")}
    # Instances and zone are lines to fill in: neither is declared until they are.
    filled = text.replace("# instances", "instances").replace("# time_zone", "time_zone")
    for content, declared in ((filled, (1, True)), (text, (0, False))):
        (shop / "audit.toml").write_text(content, "utf-8")
        (log,) = load_project(shop).log_sources
        assert (log.instances, log.zone_declared) == declared
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    again = run_init(shop)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert (again.exit_code, "audit.toml: exists and is kept" in again.output) == (0, True)


def test_only_code_that_fails_without_a_variable_makes_it_required(tmp_path: Path) -> None:
    """Neither an example's line nor a read with a default is a demand, and no limit is invented."""
    code = 'import os\nBILLING = os.environ["BILLING_TOKEN"]\nMAIL = os.environ.get("MAIL_TOKEN")\n'
    example = "BILLING_TOKEN=change-me\nMAIL_TOKEN=change-me\nDEPLOY_TOKEN=change-me\n"
    tool = 'import os\nos.environ["DEPLOY_TOKEN"]\n'  # not of the application
    run_init(write(tmp_path / "api", {".env.example": example, "app.py": code, "bin/deploy.py": tool}))
    policy = choose_policy(load_project(tmp_path / "api"))
    required = {rule.name: rule.required for rule in policy.secrets}
    assert required == {"BILLING_TOKEN": "always", "DEPLOY_TOKEN": "optional", "MAIL_TOKEN": "optional"}
    assert not any(rule.period_stated for rule in policy.secrets)


def test_no_value_is_written_or_printed(tmp_path: Path) -> None:
    """Neither the file nor the output holds a value, or the name of a setting that only a live file has."""
    shop = django_vue(tmp_path / "shop")
    result, lines = run_init(shop), (shop / ".env").read_text("utf-8").splitlines()
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
    for name in ("there", "link", "gone/file"):
        with pytest.raises(BadInput, match="cannot be written"):
            write_new(tmp_path / name, "new", "file")
    assert (tmp_path / "there").read_text("utf-8") == "mine"
    assert not (tmp_path / "target").exists()


KNOWN = "API_TOKEN=\nTRADIER_API_KEY=\nTRADIER_ACCOUNT_ID=\nALPACA_PAPER_API_KEY=\n"


def test_what_is_known_is_not_guessed(tmp_path: Path) -> None:
    """An application whose example holds a bundled policy's variables extends it, and has no guesses."""
    for name, content, policy, sources in (
        (".env.example", KNOWN, "paiid", 1),
        ("README.md", "x\n", "generic", 0),
    ):
        project = load_project(init(write(tmp_path / policy, {name: content})))
        assert "[[secret]]" not in (project.root / "audit.toml").read_text("utf-8")
        found = (project.extends, choose_policy(project).name, len(project.env_sources), project.log_sources)
        assert found == (policy, policy, sources, ())


def test_odd_file_names_cannot_write_toml(tmp_path: Path) -> None:
    """A file's name with quotes, line ends or another encoding adds no line of its own."""
    names = ['.env.a"b', ".env.x\n[[secret]]", ".env.\u200b", ".env.\U000e0001", "a\nb = 1.py", ".env.é"]
    project = write(tmp_path / "odd", dict.fromkeys(names, 'import os\nos.environ["ODD_KEY"]\n'))
    (project / b".env.\xff".decode("utf-8", "surrogateescape")).write_text("A=b\n", "utf-8")
    result, sources = run_init(project), load_project(project).env_sources
    assert {source.path for source in sources} == {names[0], names[2], names[3], names[5]}
    assert result.output.count("not named in audit.toml") == 2
    assert [rule.name for rule in choose_policy(load_project(project)).secrets] == ["ODD_KEY"]


def test_code_beyond_the_bound_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is more code than is searched, or a value in a settings file, the output says so."""
    monkeypatch.setattr(variables, "MAX_CODE_FILES", 2)
    files = {"0.ini": "secret = x\n"} | {f"{n}.py": 'os.environ["A_KEY"]\n' for n in range(4)}
    told = run_init(write(tmp_path, files)).output
    assert "not searched: 3 code files beyond the first 2; a value of secret in 0.ini:1" in told


@pytest.mark.parametrize("application", APPLICATIONS[:-1], ids=lambda one: one.name)  # of the last no route
def test_logins_are_proposed_as_comments(application: Application, tmp_path: Path) -> None:
    """A new audit.toml asks about the login that the logs show; taken over, it is read without a fault."""
    project = write(tmp_path / "app", {"logs/web.log": written(application, visits(3))})
    assert "is that your login?" in run_init(project).stdout
    text = (project / "audit.toml").read_text("utf-8")
    assert load_project(project).logins == ()
    assert 'failed_redirect = "/login"' in text or 'redirect = "/login"' not in application.declaration
    taken = re.sub(r"(?m)^# (\[\[logins|(?:name|route|method|failed_|succeeded_))", r"\1", text)
    for words in ('failed_message = "…"', 'failed_redirect = "/…"'):
        taken = taken.replace(words, words.replace("/…", "/login").replace("…", "Login failed"))
    (project / "audit.toml").write_text(taken, "utf-8")
    (login,) = load_project(project).logins
    assert f'route = "{login.route}"' in application.declaration
    assert f"{[*login.succeeded_statuses]}" in f"{application.declaration} []"


# ---- What a review of such an application says ----


SECRETS = {
    *("DATABASE_URL", "DB_PASSWORD", "OAUTH_CLIENT_SECRET", "PARTNER_FEED", "REDIS_AUTH"),
    *("MAIL_PASSWORD", "QUEUE_PASSWORD", "SALT", "SEARCH_PASSWORD", "SEARCH_URL", "SECRET_KEY_BASE"),
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose three env files set one name to two values, after `init`."""
    return init(stranger(tmp_path_factory.mktemp("stranger") / "shop"))


def rules_of(project: Path) -> dict[str, dict[str, Any]]:
    """The variables of the audit.toml that `init` wrote."""
    return {it["name"]: it for it in tomllib.loads((project / "audit.toml").read_text("utf-8"))["secret"]}


def test_secrets_are_told_from_settings_by_name_and_value(shop: Path) -> None:
    """A name or a value makes a secret; only what the code demands without a default is required."""
    rules = rules_of(shop)
    assert {name for name, rule in rules.items() if rule["kind"] == "secret"} == SECRETS
    assert rules["PARTNER_FEED"]["component"] == "password"
    assert [name for name, rule in rules.items() if rule["required"] == "always"] == ["SEARCH_PASSWORD"]
    # Files that set one name to two values are services by their names; production there always is.
    project = load_project(shop)
    held = [source for source in project.env_sources if not source.example]
    found = {source.path: source.service for source in held}
    assert found == {"env/web.env": "web", "env/cache.env": "cache", "env/queue.env": "queue"}
    assert project.environments == ("development", "production")
    assert {source.loader for source in held} == {"compose"}


def test_what_compose_files_set_is_named(tmp_path: Path) -> None:
    """An application that reads its variables by prefix has those that compose files set, of production."""
    project = write(tmp_path / "shop", CASES["composed"])
    words = ["snapshot", "--project", str(project)]
    assert "next: audit-lib snapshot" in (told := run_init(project).output)
    assert told.count("--env production/backend=FILE") == 1
    kinds = {name: rule["kind"] for name, rule in rules_of(project).items()}
    assert kinds == {"POSTGRES_PASSWORD": "secret", "SHOP_db__password": "secret"}
    assert load_project(project).environments == ("production",)
    refused = CliRunner().invoke(main, words, env={"AUDIT_KEY_FILE": str(tmp_path / "home" / "key")})
    assert (refused.exit_code, "--env production/backend=FILE" in refused.stderr) == (2, True)


def test_secrets_that_only_an_env_file_has_are_named(tmp_path: Path) -> None:
    """Who keeps a key in .env alone declares it, too; a setting that no code reads needs no block. A file's
    only line, without an equals sign, is a value: no name, shown nowhere, and told as not understood."""
    live, bare = f"OTHER_PASSWORD={ODD}\nOTHER_LIMIT=10\n", f"{fake_value('bare', 12, 'aeinorst')}_password"
    files = {"env/private.env": live, "test/DB_PASSWORD.env": bare, ".env.example": f"export {bare}\n"}
    project, result = write(tmp_path / "shop", files), run_init(tmp_path / "shop")
    rules, findings = rules_of(project), reviewed(project).findings
    assert [(name, rule["kind"]) for name, rule in rules.items()] == [("OTHER_PASSWORD", "secret")]
    assert bare not in f"{result.output}{(project / 'audit.toml').read_text()}{findings.to_csv()}"
    lost = findings.query("check == 'env-line-not-understood'")["evidence"].str.split(" is").str[0]
    assert lost.tolist() == [".env.example:1", "test/DB_PASSWORD.env:1"]


def test_nothing_asks_for_a_setting_or_a_guide(shop: Path) -> None:
    """What may be unset is no finding, nor a guide that nobody has; a secret that is missing is."""
    findings = reviewed(shop).findings
    missing = findings[findings["check"].isin(("missing-secret", "empty-secret"))]
    assert set(missing["subject"]) == {"SEARCH_PASSWORD"}
    assert load_project(shop).guide == ""
    assert not findings[findings["check"].eq("source-not-read")]["evidence"].str.contains("guide").any()
    reused = findings.loc[findings["check"].eq("reused-across-names"), "subject"]
    assert reused.tolist() == ["QUEUE_PASSWORD=REDIS_AUTH"]  # DATABASE_URL has DB_PASSWORD as its own


def test_a_file_of_settings_is_no_file_of_secrets(tmp_path: Path) -> None:
    """Nothing is asked of an env file without a secret; beside it one with a secret keeps its findings."""
    plot = new_plot(tmp_path / "shop")
    plot.commit("web/.env", "API_URL=http://${API_HOST:-localhost}/\nLIMIT=10\n")
    for name in ("nix/.envrc", "bin/env"):
        plot.commit(name, 'use flake . --override-input root "file://"<(printf %s "$PWD")\n')
    plot.commit("api/.env", f"LIMIT=10\nSECRET_KEY={BASE}\n")
    plot.file("job/.env", f"FEED={ODD}\n")
    for path in plot.root.glob("*/.env"):
        path.chmod(0o644)
    findings = reviewed(init(plot.root)).findings
    told = {check: set(rows["service"]) for check, rows in findings.groupby("check")}
    assert (told["tracked-env-file"], told["open-file-mode"]) == ({"api"}, {"job"})
    assert "value-read-differently" not in told


def test_a_coupling_that_nobody_stated_is_asked_about(tmp_path: Path) -> None:
    """Without a policy the client's and the server's password are one question, of low severity."""
    files = {"web.env": f"DB_PASSWORD={DB}\n", "db.env": f"POSTGRES_PASSWORD={DB}\n"}
    findings = reviewed(write(tmp_path / "app", files)).findings
    (row,) = findings[findings["check"].eq("reused-across-names")].to_dict("records")
    assert (row["severity"], row["subject"]) == ("low", "DB_PASSWORD=POSTGRES_PASSWORD")
    assert row["remedy"].startswith("If they are one credential, add equals = ")


def test_names_of_one_value_are_one_question(tmp_path: Path) -> None:
    """Three addresses with one password are one finding, which names all three."""
    text = "".join(f"REDIS_{name}_URL=redis://:{DB}@cache-{name}:6379/0\n" for name in "ABC")
    findings = reviewed(write(tmp_path / "app", {".env": text})).findings
    (row,) = findings[findings["check"].eq("reused-across-names")].to_dict("records")
    assert row["subject"] == "REDIS_A_URL=REDIS_B_URL=REDIS_C_URL"
    assert 'equals = ["REDIS_B_URL", "REDIS_C_URL"] to REDIS_A_URL' in row["remedy"]


def test_a_folder_of_a_larger_repository_is_searched_with_it(tmp_path: Path) -> None:
    """One service of a monorepo is ordinary: the history above its folder is searched for its values."""
    plot = new_plot(tmp_path / "shop")
    plot.commit("app/.env", f"API_TOKEN={BASE}\n")
    words = ["leaks", "--project", str(plot.root / "app")]
    result = CliRunner().invoke(main, words, env={"AUDIT_KEY_FILE": "/x"})
    assert (result.exit_code, "API_TOKEN" in result.stdout) == (0, True), result.output


def test_a_value_in_a_request_line_is_a_leak(tmp_path: Path) -> None:
    """Whatever the parameter is called, a configured value in a log's request line is found."""
    line = f'INFO:     203.0.113.9:1 - "GET /a?ref={BASE}&page=2 HTTP/1.1" 200 OK\n'
    project = write(tmp_path / "app", {".env": f"SECRET_KEY_BASE={BASE}\n", "logs/a.log": line})
    assert reviewed(project).leak_places["path"].tolist() == ["logs/a.log"]

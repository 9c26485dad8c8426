"""audit.toml and policies: good files, faults of broken ones, which one counts, what two reviews compare."""

import os
import random
import re
import tomllib
from hashlib import sha256
from pathlib import Path

import pytest

from audit_lib.base.errors import BadInput
from audit_lib.settings import bundled_policy, choose_policy, load, load_policy, load_project
from audit_lib.settings.load import DEFAULT_LAYOUT, difference, digest_of_difference, dump, guide_rules
from audit_lib.settings.models import BUNDLED, POLICIES, DeploySource, EnvSource, LogSource, Policy
from tests.support.applications import write
from tests.support.fakes import fake_value

HEAD = 'name = "shop"\n'
SECRET = '[[secret]]\nname = "SHOP_KEY"\nservice = "web"\n'
OTHER = '[[secret]]\nname = "OTHER_KEY"\nservice = "web"\n'
ENV = '[[env]]\npath = "a/.env"\nenvironment = "development"\nservice = "web"\n'
ALERT = '[[alerts]]\nname = "x"\n'
LOGIN = '[[logins]]\nname = "page"\nroute = "/login"\n'
OWN = 'name = "own"\nenvironments = ["production"]\n'


def faults_of(text: str, folder: Path) -> list[str]:
    """The faults that an audit.toml gives, each as one line."""
    (folder / "audit.toml").write_text(text, "utf-8")
    with pytest.raises(BadInput) as raised:
        choose_policy(load_project(folder))
    return [str(fault) for fault in raised.value.faults]


def policy_of(text: str, folder: Path) -> Policy:
    """The policy by which a project with this audit.toml is audited."""
    (folder / "audit.toml").write_text(text, "utf-8")
    return choose_policy(load_project(folder))


ROWS = tomllib.loads(Path(__file__).with_name("faults.toml").read_text("utf-8"))
NESTED = ("a = " + "[" * 100_000, "is not TOML")
MANY = ("".join(f'[[deploys]]\npattern = "{n}"\n' for n in range(2_001)), "has more than 2,000 tables")
LONG_KEY = ("a." * 200_000 + "a = 1\n", "is not TOML of keys of at most 16 parts (line 1)")


@pytest.mark.parametrize(("text", "fault"), [*ROWS["faults"], LONG_KEY, NESTED, MANY])
def test_each_fault_has_its_place(text: str, fault: str, tmp_path: Path) -> None:
    """A broken audit.toml names file, block and key, then the fault."""
    found = faults_of(text, tmp_path)
    assert any(one.startswith("audit.toml: ") and fault in one for one in found), found


def test_all_faults_of_a_file_come_at_once(tmp_path: Path) -> None:
    """Faults of places and of what is demanded, in different tables, are all there."""
    assert faults_of(ROWS["many"]["text"], tmp_path) == ROWS["many"]["faults"]


def test_a_fault_never_repeats_a_value(tmp_path: Path) -> None:
    """What someone pasted into a file by mistake, as a key, a name or a text, is not printed."""
    for value in ("oops: a value/with=signs", fake_value("pasted", 40), f"sk_live_{fake_value(2, 24)}"):
        text = f'compromised = ["{value}"]\nkind = "{value}"\n"{value}" = 1\nguide_sha256 = "{value}"\n'
        text += f'{SECRET}kind = "{value}"\nmin_length = "{value}"\n"{value}" = 2\n'
        text += f'[secret.lines]\n"{value}" = [1]\n[[secret]]\nname = "{value} "\nservice = 1\n'
        text += f'[[env]]\npath = "/{value}"\n[due_days]\n"{value}" = 1\n'
        found = faults_of(text, tmp_path)
        assert len(found) > 8
        assert not [fault for fault in found if value in fault]
        text = f'{SECRET}equals = ["{value.replace(" ", "_")}"]\nformat = "{value}"\n'
        assert not [fault for fault in faults_of(text, tmp_path) if value in fault]


def test_what_is_no_small_text_file_is_refused(tmp_path: Path) -> None:
    """Other encodings, sizes and kinds of files, a FIFO among them (without waiting), are a clear fault."""
    (tmp_path / "bytes").write_bytes(b"\xff\xfen\0")
    (tmp_path / "large").write_bytes(b"#" * 1_000_001)
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(tmp_path / "fifo")
    for name, fault in ROWS["unreadable"]:
        with pytest.raises(BadInput, match=fault):
            load_policy(tmp_path / name)


def test_an_audit_toml_says_where_everything_is(tmp_path: Path) -> None:
    """Each key arrives in the project; dev and prod stand for development and production."""
    write(tmp_path, {"my shop!/audit.toml": ROWS["whole"], "my shop!/backend/.env": "A=b\n"})
    project = load_project(tmp_path / "my shop!", tmp_path / "elsewhere", sample=True)
    assert (project.name, project.formats, project.guide) == ("my-shop", "formats.toml", "doc/KEYS.md")
    assert project.environments == ("development", "production")
    assert (project.exports, project.pinned_as_of, project.key) == (("exports/*.json",), "2026-09-30", "demo")
    assert project.env_sources == (  # and nothing that is there, but not named
        EnvSource("development", "web", "web/.env"),
        EnvSource("production", "web", "web/.env.prod"),
        EnvSource("development", "web", "web/.env.bak", backup=True),
        EnvSource("", "web", "web/.env.example", example=True),
    )
    assert project.log_sources == (
        LogSource("logs/*.log", "web", "", "Europe/Berlin", zone_declared=True),
        LogSource("old/*.log*", "", "staging", "Asia/Tokyo", zone_declared=True),
    )
    assert project.deploy_sources == (DeploySource("evidence/deploys*.json", "web", "production"),)
    assert (project.configured, project.ledger_dir) == (True, tmp_path / "elsewhere")


def test_an_audit_toml_may_lie_in_the_audit_folder(tmp_path: Path) -> None:
    """.audit/audit.toml serves as well, not both, and neither behind a link to the outside."""
    write(tmp_path, {"app/.audit/audit.toml": ENV, "outside/audit.toml": "", "linked/README.md": ""})
    assert load_project(tmp_path / "app").env_sources == (EnvSource("development", "web", "a/.env"),)
    write(tmp_path, {"app/audit.toml": ENV})
    (tmp_path / "linked/.audit").symlink_to(tmp_path / "outside")
    for name, fault in (("app", "exists twice"), ("linked", "leads out of the project")):
        with pytest.raises(BadInput, match=fault):
            load_project(tmp_path / name)


@pytest.mark.parametrize(("text", "named"), ROWS["links"])
def test_no_link_leads_out_of_the_project(text: str, named: str, tmp_path: Path) -> None:
    """A path through a symbolic link to the outside, or in a circle, is refused by block and key."""
    project = write(tmp_path / "app", {"inside/.env": ""})
    write(tmp_path / "outside", {".env": "", "a.log": ""})
    (project / "out").symlink_to(tmp_path / "outside")
    (project / "link.env").symlink_to(tmp_path / "outside" / ".env")
    (project / "loop").symlink_to(project / "loop")
    fault = f"audit.toml: {named} leads out of the project through a symbolic link"
    assert faults_of(text, project) == [fault]


def test_an_audit_toml_changes_what_it_extends(tmp_path: Path) -> None:
    """Lists are joined, own keys win, and a block of an extended name changes only what it says."""
    text = 'extends = "paiid"\nplaceholders = ["*shop*"]\nwarn_days = 7\n[detections.guessing]\nhigh = 9\n'
    text += '[[secret]]\nname = "API_TOKEN"\nowner = "Ada"\nmin_length = 30\n' + OTHER
    policy, base = policy_of(HEAD + text, tmp_path), bundled_policy("paiid")
    assert policy.placeholders == ("*shop*", *base.placeholders)
    assert (policy.warn_days, policy.extends, policy.name) == (7, "paiid", "shop")
    assert policy.detections["guessing"]["high"] == 9
    assert policy.detections["guessing"]["ladder"] == base.detections["guessing"]["ladder"]
    token, former = policy.rule("API_TOKEN"), base.rule("API_TOKEN")
    assert token is not None
    assert former is not None
    assert (token.owner, token.min_length, token.purpose) == ("Ada", 30, former.purpose)
    assert len(policy.secrets) == len(base.secrets) + 1
    assert policy.sha256 == sha256((tmp_path / "audit.toml").read_bytes()).hexdigest()


def test_a_secret_without_a_period_has_the_default_one(tmp_path: Path) -> None:
    """A limit that nobody stated is the default and says so; what is no secret, or public, has none."""
    odd = {"ACCOUNT": 'kind = "identifier"', "FOREVER": "exempt = true", "DSN": "public = true"}
    text = HEAD + "default_max_age_days = 60\n" + SECRET + OTHER + "max_age_days = 30\n"
    text += "".join(f'[[secret]]\nname = "{name}"\nservice = "web"\n{key}\n' for name, key in odd.items())
    rules = policy_of(text, tmp_path).secrets
    assert [(rule.name, rule.max_age_days, rule.period_stated) for rule in rules] == [
        ("SHOP_KEY", 60, False),
        ("OTHER_KEY", 30, True),
        *((name, None, False) for name in odd),
    ]
    exempt = policy_of('extends = "paiid"\n[[secret]]\nname = "API_TOKEN"\nexempt = true\n', tmp_path)
    assert exempt.secrets[0].max_age_days is None


def test_own_alerts_replace_those_extended(tmp_path: Path) -> None:
    """Who states alerts has these alone; a refusal of another declared status counts like 401."""
    assert len(policy_of(HEAD, tmp_path).alerts) == 4
    (alert,) = policy_of(f'{HEAD}{ALERT}kinds = ["forbidden"]\n', tmp_path).alerts
    assert (alert.name, alert.kinds) == ("x", ("forbidden", "declared_failure"))


def test_a_policy_given_by_path_is_read_from_anywhere(tmp_path: Path) -> None:
    """`--policy` names a file of the auditor, not of the project, and its faults are those of a policy."""
    project = load_project(write(tmp_path / "app", {"audit.toml": f"warn_days = 3\n{SECRET}"}))
    path = write(tmp_path / "mine", {"p.toml": HEAD, "bad.toml": ENV}) / "p.toml"
    policy = choose_policy(project, str(path))
    assert (policy.path, policy.warn_days, policy.secrets) == (path, 14, ())
    with pytest.raises(BadInput) as raised:
        choose_policy(project, str(path.with_name("bad.toml")))
    assert [fault.text for fault in raised.value.faults] == ["has no name", "has an unknown key env"]


def test_logins_of_audit_toml_are_added(tmp_path: Path) -> None:
    """They come behind the policy's own, marked as added, and under other names."""
    text = f'extends = "paiid"\n{LOGIN}failed_statuses = [200]\n'
    policy, own = policy_of(text, tmp_path), bundled_policy("paiid").logins
    added = [*((one.name, False) for one in own), ("page", True)]
    assert [(one.name, one.added) for one in policy.logins] == added
    taken = text.replace('"page"', f'"{own[0].name}"') if own else ""
    assert not own or "which the policy has" in faults_of(taken, tmp_path)[0]


def test_every_bundled_policy_loads() -> None:
    """The bundled policies are valid, and one that is not there is named with those that are."""
    assert [bundled_policy(name).name for name in BUNDLED] == ["generic", "paiid"]
    with pytest.raises(BadInput, match="is not a bundled policy: generic, paiid"):
        bundled_policy("../generic")
    assert len(guide_rules(bundled_policy("paiid"))) > 147


@pytest.mark.parametrize(("files", "override", "name"), ROWS["chosen"])
def test_a_policy_is_chosen_in_order(files: dict[str, str], override: str, name: str, tmp_path: Path) -> None:
    """The flag, then what audit.toml demands, then recognition by names, then generic."""
    value = fake_value("in force", 20)
    project = load_project(
        write(tmp_path, {path: text.replace("VALUE", value) for path, text in files.items()})
    )
    assert choose_policy(project, override).name == name


def test_an_old_policy_is_refused_with_the_new_places(tmp_path: Path) -> None:
    """A policy.toml of before 0.3.0 is bad input that says where each of its keys goes."""
    old = f'name = "shop"\nextends = "paiid"\nnmae = 1\n{SECRET}[metadata.API_TOKEN]\nowner = "x"\n[[grep]]\n'
    for place in ("policy.toml", ".audit/policy.toml"):
        with pytest.raises(BadInput) as raised:
            load_project(write(tmp_path / place.replace("/", "-"), {place: old}))
        faults = [fault.text for fault in raised.value.faults]
        assert {fault.place for fault in raised.value.faults} == {place}
        assert faults[0].startswith("is not read any more: its keys belong into audit.toml")
        words = ["name is left out", "extends goes into audit.toml as it is", "has an unknown key nmae"]
        words += ["secret goes into audit.toml", "metadata is now keys of [[secret]]", "grep is gone"]
        assert all(fault.startswith(word) for fault, word in zip(faults[1:], words, strict=True))


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A project whose own audit.toml leaves out production, and one outside that does not."""
    write(tmp_path, {"app/audit.toml": 'name = "theirs"\nenvironments = ["development"]\n', "own.toml": OWN})
    return tmp_path / "app"


def test_the_reviewers_layout_is_read_alone(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the project says of itself counts for nothing, also if it says it twice, badly or not at all."""
    before = load_project(app)
    monkeypatch.setenv("AUDIT_TOML", str(app.parent / "own.toml"))
    write(app, {".audit/audit.toml": "?", "policy.toml": "?"})
    project = load_project(app)
    assert (project.name, project.environments, project.configured) == ("own", ("production",), True)
    assert project.layout_sha256 != before.layout_sha256
    (app / "audit.toml").unlink()
    (app / ".audit/audit.toml").unlink()
    assert load.is_configured(app)
    assert load_project(app).name == "own"


@pytest.mark.parametrize(("text", "fault"), ROWS["given"])
def test_another_path_is_refused(app: Path, text: str, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the project decides what is read, and no file outside makes it a sample."""
    (app / "link.toml").symlink_to(app.parent / "own.toml")
    (app.parent / "chain.toml").symlink_to("app/../app/link.toml")
    (app.parent / "round.toml").symlink_to("round.toml")
    (app.parent / "demo.toml").write_text(OWN + 'key = "demo"\n')
    monkeypatch.setenv("AUDIT_TOML", text.format(app=app, outside=app.parent))
    with pytest.raises(BadInput, match="AUDIT_TOML: ") as caught:
        load_project(app)
    assert fault in str(caught.value)


def mutated(text: str, seed: int) -> str:
    """The text with a few lines dropped, replaced, doubled, cut, or given another value."""
    rng, lines = random.Random(seed), text.splitlines()
    for _ in range(rng.randint(1, 4)):
        at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
        cut = rng.randrange(len(lines[at]) + 1)
        changes = [
            [], [lines[other]], [lines[at], lines[other]],
            [f"{lines[at].split('=')[0]}= {rng.choice(ROWS['odd'])}"],
            [lines[at][:cut] + rng.choice("\"'[]{}=#\\\t\x00é") + lines[at][cut:]],
        ]  # fmt: skip
        lines[at : at + 1] = rng.choice(changes)
    return "\n".join(lines)


def test_a_broken_file_gives_faults_and_nothing_else(tmp_path: Path, long_run: bool) -> None:
    """Whatever is done to a good file, it loads or every fault is one line with a place."""
    policy, audit = (POLICIES / "paiid.toml").read_text("utf-8"), DEFAULT_LAYOUT.read_text("utf-8")
    faults = []
    for seed in range(5_000 if long_run else 200):
        (tmp_path / "own.toml").write_text(mutated(policy, seed), "utf-8")
        (tmp_path / "audit.toml").write_text(mutated(audit, seed), "utf-8")
        for read, path in ((load_policy, tmp_path / "own.toml"), (load_project, tmp_path)):
            try:
                read(path)
            except BadInput as error:
                faults.extend(error.faults or ["none"])
    assert len(faults) > 200
    assert [fault for fault in map(str, faults) if not re.match(r"(own|audit)\.toml: ", fault)] == []
    assert all(str(fault).isprintable() for fault in faults)


CHANGES = tomllib.loads(Path(__file__).with_name("dump.toml").read_text("utf-8"))
BEFORE = CHANGES["before"]


def lines_of(folder: Path, text: str, policy: str = "") -> tuple[str, ...]:
    """The settings of a project with this audit.toml."""
    project = load_project(write(folder, {"audit.toml": text}))
    return dump(choose_policy(project, policy), project)


@pytest.mark.parametrize(("old", "new", "lines"), CHANGES["changes"])
def test_a_change_is_its_lines(old: str, new: str, lines: list[str], tmp_path: Path) -> None:
    """Old and new line by line, whichever way it went; a comment changes nothing."""
    assert old in BEFORE
    changed = difference(lines_of(tmp_path, BEFORE), lines_of(tmp_path, BEFORE.replace(old, new, 1)))
    assert list(changed) == lines
    assert bool(digest_of_difference(changed)) == bool(lines)
    # Another change has another digest, so that no acceptance covers it.
    assert digest_of_difference(changed) != digest_of_difference((*changed, "+ another"))


def test_another_policy_says_where_it_comes_from(tmp_path: Path) -> None:
    """Bundled, of audit.toml or the reviewer's own is a line; without a project only the policy counts."""
    own = write(tmp_path / "mine", {"p.toml": 'name = "p"\n'}) / "p.toml"
    for policy, origin in (("generic", "bundled"), ("", "audit.toml"), (str(own), "the reviewer")):
        assert f"policy: from = {origin}" in lines_of(tmp_path / "app", BEFORE, policy)
    assert not [line for line in dump(bundled_policy("paiid")) if line.startswith(("audit.toml", "env "))]


def test_no_value_is_a_line(tmp_path: Path) -> None:
    """A value that somebody wrote into audit.toml is shown by its digest, and a formats file by its own."""
    value = fake_value("in the settings", 40)
    text = BEFORE.replace("*todo*", value).replace('name = "shop"', 'name = "shop"\nlog_formats = "f.toml"')
    write(tmp_path, {"f.toml": "x"})
    lines = lines_of(tmp_path, text)
    assert value not in "\n".join(lines)
    write(tmp_path, {"f.toml": "y"})
    assert len(difference(lines, lines_of(tmp_path, text))) == 2
    for size, is_read in ((1 << 20, True), ((1 << 20) + 1, False)):
        os.truncate(tmp_path / "f.toml", size)
        assert ("digest = not read: refused" not in "\n".join(lines_of(tmp_path, text))) is is_read

"""audit.toml and policies: what is read of a good file, the faults of a broken one, and which one counts."""

import os
from hashlib import sha256
from pathlib import Path

import pytest

from audit_lib.base.errors import BadInput
from audit_lib.settings import (
    DeploySource,
    EnvSource,
    LogSource,
    Policy,
    bundled_policy,
    choose_policy,
    load_policy,
    load_project,
)
from audit_lib.settings.load import bundled_names, guide_rules, is_configured
from tests.support.applications import write
from tests.support.fakes import fake_value

HEAD = 'name = "shop"\n'
SECRET = '[[secret]]\nname = "SHOP_KEY"\nservice = "web"\n'
OTHER = '[[secret]]\nname = "OTHER_KEY"\nservice = "web"\n'
DIGEST = sha256(b"nothing").hexdigest()
ENV = '[[env]]\npath = "a/.env"\nenvironment = "development"\nservice = "web"\n'
EXAMPLE = 'service = "web"\nexample = true\n'
LOG = '[[log]]\npattern = "logs/*.log"\n'
DEPLOYS = '[[deploys]]\npattern = "evidence/deploys*.json"\n'
ALERT = '[[alerts]]\nname = "x"\n'
LOGIN = '[[logins]]\nname = "page"\nroute = "/login"\n'


def env(path: str, more: str = 'environment = "dev"\nservice = "web"\n') -> str:
    """An [[env]] block for a path in TOML's own spelling."""
    return f"[[env]]\npath = {path}\n{more}"


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


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a = 1 2", "is not TOML at line 1, column 7"),
        ("a = [", "is not TOML at end of document"),
        ("a." * 200_000 + "a = 1\n", "is not TOML of keys of at most 16 parts (line 1)"),
        ("a = " + "[" * 100_000, "is not TOML"),
        ('nmae = "x"\n', "has an unknown key nmae; did you mean name?"),
        ('["white space"]\n', "has an unknown key (unprintable name)"),
        ('policy = "paiid"\n', "policy is now extends"),
        ("[metadata.A]\n", "metadata is now keys of [[secret]]"),
        ("[controls]\n", "controls is gone"),
        ('name = "../x"\n', "name must consist of letters"),
        ("name = 1\n", "name must be a text"),
        ('environments = ["test"]\n', "environments #1 must be one of development"),
        ("environments = []\n", "environments must be some of development"),
        ('environments = ["dev", "development"]\n', "environments must be some of"),
        ('time_zone = "Mars/Base"\n', "time_zone must be a zone"),
        ('time_zone = "../../etc/passwd"\n', "time_zone must be a zone"),
        ('pinned_as_of = "tomorrow"\n', "pinned_as_of must be a date or time"),
        ('pinned_as_of = "2026-09-30"\n', "pinned_as_of is only for a sample"),
        ("pinned_as_of = 2026-09-30\n", "pinned_as_of must be a text"),
        ('key = "mine"\n', "key must be one of demo"),
        ('guide = "/etc/passwd"\n', "guide must be relative to the project"),
        ('log_formats = "../f.toml"\n', "log_formats leads out of the project with .."),
        ('extends = "nothing"\n', "extends must be one of generic, paiid"),
        ('exports = ["a", "../b"]\n', "exports #2 leads out of the project with .."),
        ('env = "x"\n', "env must be a list"),
        ("secret = [1]\n", "secret #1 is not a table"),
        (env('"/etc/passwd"'), "env #1 (/etc/passwd): path must be relative to the project"),
        (env('"~/.env"'), "env #1: path must be relative to the project"),
        (env("'C:\\x\\.env'"), "env #1: path must be relative to the project"),
        (env("'a\\.env'"), "env #1: path must be relative to the project"),
        (env('"a/../../.env"'), "env #1 (a/../../.env): path leads out of the project with .."),
        (env('"a\\u0000b"'), "env #1: path is empty or has a control character"),
        (env('" "'), "env #1: path is empty or has a control character"),
        (env('""'), "env #1: path is empty"),
        ("[[env]]\n", "env #1: has no path"),
        (env('".env"', 'service = "web"\n'), "env #1 (.env): has no environment"),
        (env('".env"', 'environment = "dev"\n'), "env #1 (.env): has no service"),
        (env('".env"', 'environment = "live"\nservice = "w"\n'), "environment must be one of development"),
        (env('".env"', 'environment = "dev"\nservice = "a/b"\n'), "service must consist of letters"),
        (env('".env"') + "example = true\n", "env #1 (.env): is an example, so it must not have"),
        (env('".env"') + "backup = true\nexport = true\n", "must be only one of example, backup and export"),
        (env('".env"') + "example = 1\n", "env #1 (.env): example must be true or false"),
        (env('".env"') + 'loader = "ruby"\n', "env #1 (.env): loader must be one of python-dotenv"),
        (env('".env"') + "owner = 1\n", "env #1 (.env): has an unknown key owner"),
        (ENV + ENV, "env #1 and #2 have the same path"),
        (DEPLOYS + 'time_zone = "UTC"\n', "(evidence/deploys*.json): has an unknown key time_zone"),
        ('[[log]]\npattern = "../*.log"\n', "log #1 (../*.log): pattern leads out of the project with .."),
        ('[[log]]\nservice = "web"\n', "log #1: has no pattern"),
        (LOG + "instances = 0\n", "log #1 (logs/*.log): instances must be greater than or equal to 1"),
        (LOG + "zone_declared = true\n", "log #1 (logs/*.log): has an unknown key zone_declared"),
        ("warn_days = -1\n", "warn_days must be greater than or equal to 0"),
        ("warn_days = 999999999999\n", "warn_days must be less than or equal to 100000"),
        ("warn_days = 1e12\n", "warn_days must be a whole number"),
        ("warn_days = true\n", "warn_days must be a whole number"),
        ("default_max_age_days = 0\n", "default_max_age_days must be greater than or equal to 1"),
        ('placeholders = "x"\n', "placeholders must be a list"),
        ("placeholders = [1]\n", "placeholders #1 must be a text"),
        ('placeholders = ["a", "a"]\n', "placeholders contains something twice"),
        ('compromised = ["oops"]\n', "compromised #1 must be a SHA-256"),
        (f'compromised = ["{DIGEST}", "X"]\n', "compromised #2 must be a SHA-256"),
        ('guide_sha256 = "X"\n', "guide_sha256 must be a SHA-256"),
        ("path = 'x'\n", "has an unknown key path"),
        ('[formats]\nodd = "["\n', "formats.odd is not a regular expression"),
        ('[formats]\nodd = "(?i)a"\n', "formats.odd is not a regular expression"),
        ("[formats]\nodd = 1\n", "formats.odd must be a text"),
        (SECRET + 'overlap = "perhaps"\n', "overlap must be one of yes, no, unknown"),
        ('[[secret]]\nservice = "web"\n', "secret #1: has no name"),
        ('[[secret]]\nname = "B"\n', "secret #1 (B): has no service"),
        ('[[secret]]\nname = "A B"\nservice = "w"\n', "secret #1: name must be the name of a variable"),
        (SECRET + SECRET, "secret #1 and #2 have the same name"),
        (SECRET + OTHER + 'aliases = ["SHOP_KEY"]\n', "secret SHOP_KEY appears 2 times (as name or alias)"),
        (SECRET + 'kind = "key"\n', "secret #1 (SHOP_KEY): kind must be one of secret, identifier, setting"),
        (SECRET + 'required = "maybe"\n', "secret #1 (SHOP_KEY): required must be one of always"),
        (SECRET + 'required_in = ["prod"]\n', "(SHOP_KEY): required_in #1 must be one of development"),
        (SECRET + "min_length = -1\n", "(SHOP_KEY): min_length must be greater than or equal to 0"),
        (SECRET + "min_length = 1e30\n", "(SHOP_KEY): min_length must be a whole number"),
        (SECRET + "min_length = 9\ngood_length = 8\n", "(SHOP_KEY): good_length is less than min_length"),
        (SECRET + 'classes = ["vowel"]\n', "(SHOP_KEY): classes #1 must be one of lower"),
        (SECRET + "max_age_days = -90\n", "max_age_days must be greater than or equal to 1"),
        (SECRET + "max_age_days = 90.0\n", "(SHOP_KEY): max_age_days must be a whole number"),
        (SECRET + "max_age_days = 90\nexempt = true\n", "(SHOP_KEY): has a max_age_days, but is exempt"),
        (SECRET + 'reviewed = "soon"\n', "(SHOP_KEY): reviewed must be a date or time"),
        (SECRET + 'equals = ["NOBODY"]\n', "(SHOP_KEY): equals NOBODY must name another variable"),
        (SECRET + 'differs = ["SHOP_KEY"]\n', "(SHOP_KEY): differs SHOP_KEY must name another variable"),
        (SECRET + 'format = "gone"\n', "(SHOP_KEY): format gone is not in [formats]"),
        (SECRET + 'expected = { production = "x" }\n', "(SHOP_KEY): expected would contain a secret's value"),
        (SECRET + 'expected = { live = "x" }\n', "(SHOP_KEY): expected.live must be one of"),
        (SECRET + "[secret.lines]\nperiod = [0]\n", "lines.period #1 must be greater than"),
        (SECRET + "[secret.lines]\nmood = [1]\n", "(SHOP_KEY): lines.mood must be one of entry"),
        (SECRET + 'ower = "me"\n', "secret #1 (SHOP_KEY): has an unknown key ower; did you mean owner"),
        (SECRET + "period_stated = true\n", "secret #1 (SHOP_KEY): has an unknown key period_stated"),
        ('[[alerts]]\nkinds = ["unauthorized"]\n', "alerts #1: has no name"),
        (ALERT, "alerts #1 (x): must name either kinds"),
        (ALERT + 'kinds = ["unauthorized"]\nrecords = ["rotation"]\n', "(x): must name either kinds"),
        (ALERT + 'kinds = ["nothing"]\n', "alerts #1 (x): kinds #1 must be one of"),
        (ALERT + 'records = ["rotation"]\nat_least = 0\n', "at_least must be greater than or equal to 1"),
        (LOGIN + "failed_statuses = [99]\n", "(page): failed_statuses #1 must be greater"),
        (LOGIN.replace("/login", "login"), "logins #1 (page): route must be a path"),
        (LOGIN + 'method = "BREW"\n', "logins #1 (page): method must be one of"),
        (LOGIN + 'failed_message = "{email}"\n', "logins #1 (page): failed_message must be 6 to 200"),
        (LOGIN, "logins #1 (page): declares no failure"),
        (LOGIN + "failed_statuses = [200]\nsucceeded_statuses = [200]\n", "or one as a failure and as"),
        (LOGIN + 'failed_redirect = "https://example.com/"\n', "failed_redirect must be a path"),
        (LOGIN + f"failed_statuses = {list(range(400, 411))}\n", "more than 10 statuses"),
        (LOGIN + "failed_statuses = [401]\nadded = false\n", "logins #1 (page): has an unknown key added"),
        ("[due_days]\nsoon = 3\n", "due_days.soon must be one of info, low"),
        ("[due_days]\nhigh = 9999\n", "due_days.high must be less than or equal to 3650"),
        ("[startup]\nstrict = 1\n", "startup has an unknown key strict"),
        ('[startup.production_signs]\n"A" = 1\n', "startup.production_signs.A must be a text"),
        ('[attestations]\n"1" = 2\n', "attestations.1 must be a text"),
        ('[access]\nclosed = ["/"]\n', "access.closed must be one of open, login, protected"),
        ("[detections]\npublic_addreses = 1\n", "unknown key public_addreses; did you mean public_addresses"),
        ('[detections]\nclients = true\n', "detections.clients must be a text"),
        ("[detections.failure]\nstatuses = 401\n", "detections.failure.statuses must be a list"),
    ],
)  # fmt: skip
def test_each_fault_has_its_place(text: str, fault: str, tmp_path: Path) -> None:
    """A broken audit.toml names file, block and key, then the fault."""
    found = faults_of(text, tmp_path)
    assert any(one.startswith("audit.toml: ") and fault in one for one in found), found


def test_all_faults_of_a_file_come_at_once(tmp_path: Path) -> None:
    """Faults of places and of what is demanded, in different tables, are all there."""
    text = (
        'key = "x"\nwarn_days = -1\n' + env('"../.env"', "") + '[[log]]\npattern = "/x/../y"\nservice = 1\n'
    )
    text += SECRET + "min_length = false\nmax_age_days = -1\n" + OTHER + 'mood = "good"\n'
    assert faults_of(text, tmp_path) == [
        "audit.toml: env #1 (../.env): has no service",
        "audit.toml: env #1 (../.env): path leads out of the project with ..",
        "audit.toml: log #1 (/x/../y): pattern leads out of the project with ..",
        "audit.toml: log #1 (/x/../y): service must be a text",
        "audit.toml: key must be one of demo",
        "audit.toml: secret #1 (SHOP_KEY): min_length must be a whole number",
        "audit.toml: secret #1 (SHOP_KEY): max_age_days must be greater than or equal to 1",
        "audit.toml: secret #2 (OTHER_KEY): has an unknown key mood",
        "audit.toml: warn_days must be greater than or equal to 0",
    ]


def test_a_fault_never_repeats_a_value(tmp_path: Path) -> None:
    """What someone pasted into a file by mistake, as a key, a name or a text, is not printed."""
    for value in (
        "oops: this is a value/with=signs",
        fake_value("pasted", 40),
        f"sk_live_{fake_value(2, 24)}",
    ):
        text = f'compromised = ["{value}"]\nkind = "{value}"\n"{value}" = 1\nguide_sha256 = "{value}"\n'
        text += f'{SECRET}kind = "{value}"\nmin_length = "{value}"\n"{value}" = 2\n'
        text += f'[secret.lines]\n"{value}" = [1]\n[[secret]]\nname = "{value} "\nservice = 1\n'
        text += f'[[env]]\npath = "/{value}"\n[due_days]\n"{value}" = 1\n'
        found = faults_of(text, tmp_path)
        assert len(found) > 8
        assert not [fault for fault in found if value in fault]
        text = f'{SECRET}equals = ["{value.replace(" ", "_")}"]\nformat = "{value}"\n'
        assert not [fault for fault in faults_of(text, tmp_path) if value in fault]


@pytest.mark.parametrize(
    ("content", "fault"),
    [(b"\xff\xfen\0", "is not UTF-8"), (b"#" * 1_000_001, "is larger than the limit of 1,000,000 bytes")],
)
def test_what_is_no_text_is_refused(content: bytes, fault: str, tmp_path: Path) -> None:
    """A file in another encoding or too large is one clear fault."""
    (tmp_path / "own.toml").write_bytes(content)
    with pytest.raises(BadInput, match=fault):
        load_policy(tmp_path / "own.toml")


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    """A missing file, a directory, a link and a FIFO (without waiting for it) are one clear fault each."""
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(tmp_path / "fifo")
    for name, fault in (
        ("gone", "gone: does not exist"),
        (".", "is a directory"),
        ("link", "link: is a symbolic link"),
        ("fifo", "fifo: is a FIFO"),
        ("nul\0", "leads out of the project or is not a file"),
    ):
        with pytest.raises(BadInput, match=fault):
            load_policy(tmp_path / name)


# ---- Places ----


def test_an_audit_toml_says_where_everything_is(tmp_path: Path) -> None:
    """Each key arrives in the project; dev and prod stand for development and production."""
    text = f"""
name = "shop"
guide = "doc/./KEYS.md"
log_formats = "formats.toml"
environments = ["prod", "dev"]
exports = ["exports/*.json"]
time_zone = "Europe/Berlin"
pinned_as_of = "2026-09-30"
key = "demo"
{env('"web/.env"')}
{env('"web/.env.prod"', 'environment = "PROD"  # in any letter case' + chr(10) + 'service = "web"' + chr(10))}
{env('"web/.env.bak"')}backup = true
{env('"web/.env.example"', EXAMPLE)}
{LOG}service = "web"
[[log]]
pattern = "old/*.log*"
environment = "staging"
time_zone = "Asia/Tokyo"
{DEPLOYS}environment = "prod"
service = "web"
"""
    write(tmp_path, {"audit.toml": text})
    project = load_project(tmp_path, tmp_path / "elsewhere", sample=True)
    assert (project.name, project.formats, project.guide) == ("shop", "formats.toml", "doc/KEYS.md")
    assert project.environments == ("development", "production")
    assert (project.exports, project.pinned_as_of, project.key) == (("exports/*.json",), "2026-09-30", "demo")
    assert project.env_sources == (
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
    """.audit/audit.toml serves as well, not both; paths are relative to the project."""
    write(tmp_path, {".audit/audit.toml": ENV})
    assert load_project(tmp_path).env_sources == (EnvSource("development", "web", "a/.env"),)
    write(tmp_path, {"audit.toml": ENV})
    with pytest.raises(BadInput, match="exists twice"):
        load_project(tmp_path)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (env('"out/.env"'), "out/.env"),
        (env('"link.env"'), "link.env"),
        (env('"loop/.env"'), "loop/.env"),
        ('[[log]]\npattern = "out/*.log"\n', "out/*.log"),
        ('[[deploys]]\npattern = "out/*.json"\n', "out/*.json"),
        ('guide = "out/guide.md"\n', "out/guide.md"),
        ('exports = ["out/render.yaml"]\n', "out/render.yaml"),
    ],
)
def test_no_link_leads_out_of_the_project(text: str, named: str, tmp_path: Path) -> None:
    """A path through a symbolic link to the outside, or in a circle, is refused by name."""
    project = write(tmp_path / "app", {"inside/.env": ""})
    write(tmp_path / "outside", {".env": "", "a.log": ""})
    (project / "out").symlink_to(tmp_path / "outside")
    (project / "link.env").symlink_to(tmp_path / "outside" / ".env")
    (project / "loop").symlink_to(project / "loop")
    fault = f"audit.toml: {named} leads out of the project through a symbolic link"
    assert faults_of(text, project) == [fault]


# ---- What is demanded ----


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
    more = "".join(
        f'[[secret]]\nname = "{name}"\nservice = "web"\n{key}\n'
        for name, key in (
            ("ACCOUNT", 'kind = "identifier"'),
            ("FOREVER", "exempt = true"),
            ("DSN", "public = true"),
        )
    )
    text = HEAD + "default_max_age_days = 60\n" + SECRET + OTHER + "max_age_days = 30\n" + more
    periods = [
        (rule.name, rule.max_age_days, rule.period_stated) for rule in policy_of(text, tmp_path).secrets
    ]
    assert periods == [
        ("SHOP_KEY", 60, False),
        ("OTHER_KEY", 30, True),
        ("ACCOUNT", None, False),
        ("FOREVER", None, False),
        ("DSN", None, False),
    ]
    exempt = policy_of('extends = "paiid"\n[[secret]]\nname = "API_TOKEN"\nexempt = true\n', tmp_path)
    assert exempt.secrets[0].max_age_days is None


def test_logins_of_audit_toml_are_added(tmp_path: Path) -> None:
    """They come behind the policy's own, marked as added, and under other names."""
    text = f'extends = "paiid"\n{LOGIN}failed_statuses = [200]\n'
    policy, own = policy_of(text, tmp_path), bundled_policy("paiid").logins
    assert [(one.name, one.added) for one in policy.logins] == [
        *((one.name, False) for one in own),
        ("page", True),
    ]
    taken = text.replace('"page"', f'"{own[0].name}"') if own else ""
    assert not own or "which the policy has" in faults_of(taken, tmp_path)[0]


def test_every_bundled_policy_loads() -> None:
    """The bundled policies are valid, and one that is not there is named with those that are."""
    assert [bundled_policy(name).name for name in bundled_names()] == ["generic", "paiid"]
    with pytest.raises(BadInput, match="is not a bundled policy: generic, paiid"):
        bundled_policy("../generic")
    assert len(guide_rules(bundled_policy("paiid"))) > 147


NAMES = ("TRADIER_API_KEY", "ALPACA_PAPER_API_KEY", "TRADIER_ACCOUNT_ID")
KNOWN = "".join(f"{name}=\n" for name in NAMES)
TWO = "".join(f"{name}=\n" for name in NAMES[:2])
CODE = 'import os\nos.environ["TRADIER_ACCOUNT_ID"], os.getenv("ALPACA_PAPER_SECRET_KEY")\n'


@pytest.mark.parametrize(
    ("files", "override", "name"),
    [
        ({"README.md": ""}, "", "generic"),
        ({"README.md": ""}, "paiid", "paiid"),
        ({"audit.toml": 'extends = "paiid"\n'}, "", "paiid"),
        ({"audit.toml": 'extends = "paiid"\nname = "own"\nwarn_days = 3\n'}, "", "own"),
        ({"audit.toml": 'extends = "paiid"\nwarn_days = 3\n'}, "generic", "generic"),
        ({"audit.toml": "", "backend/.env.example": KNOWN}, "", "generic"),
        ({"audit.toml": env('"b/.env"'), "b/.env": KNOWN}, "", "paiid"),
        ({"backend/.env.example": KNOWN}, "", "paiid"),
        ({"backend/.env": KNOWN.replace("=", f"={fake_value('x', 20)}")}, "", "paiid"),
        ({"backend/.env.example": TWO}, "", "generic"),
        ({"backend/.env.example": TWO, "app/settings.py": CODE}, "", "paiid"),
        ({"app/settings.py": CODE, "notes.md": KNOWN}, "", "generic"),
    ],
)
def test_the_policy_is_chosen_in_order(
    files: dict[str, str], override: str, name: str, tmp_path: Path
) -> None:
    """The flag, then what audit.toml demands, then recognition by names, then generic."""
    assert choose_policy(load_project(write(tmp_path, files)), override).name == name


def test_an_old_policy_is_refused_with_the_new_places(tmp_path: Path) -> None:
    """A policy.toml of before 0.3.0 is bad input that says where each of its keys goes."""
    old = f'name = "shop"\nextends = "paiid"\nnmae = 1\n{SECRET}[metadata.API_TOKEN]\nowner = "x"\n[[grep]]\n'
    for place in ("policy.toml", ".audit/policy.toml"):
        with pytest.raises(BadInput) as raised:
            load_project(write(tmp_path / place.replace("/", "-"), {place: old}))
        text = str(raised.value)
        assert text.startswith(f"{place}: is not read any more: its keys belong into audit.toml")
        for words in ("name is left out", "extends goes into audit.toml as it is", "unknown key nmae"):
            assert words in text
        for words in ("secret goes into audit.toml", "metadata is now keys of [[secret]]", "grep is gone"):
            assert words in text


# ---- AUDIT_TOML: the reviewer's own in place of the one that the project's writers can change ----

OWN = 'name = "own"\nenvironments = ["production"]\n'


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
    assert is_configured(app)
    assert load_project(app).name == "own"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("own.toml", "must be the absolute path of a file"),
        ("{app}/../own.toml", "must be the absolute path of a file"),
        ("{app}/audit.toml", "is in the project"),
        ("{app}/link.toml", "leads through a symbolic link of the project"),
        ("{app}-none.toml", "is not a file"),
        ("{outside}/demo.toml", 'key = "demo" and pinned_as_of are for a sample'),
    ],
)
def test_another_path_is_refused(app: Path, text: str, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the project decides what is read, and no file outside makes it a sample."""
    (app / "link.toml").symlink_to(app.parent / "own.toml")
    (app.parent / "demo.toml").write_text(OWN + 'key = "demo"\n')
    monkeypatch.setenv("AUDIT_TOML", text.format(app=app, outside=app.parent))
    with pytest.raises(BadInput, match="AUDIT_TOML: ") as caught:
        load_project(app)
    assert fault in str(caught.value)

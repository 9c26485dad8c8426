"""Policy files: what is read of a good one, and all the faults of a broken one."""

import os
from hashlib import sha256
from pathlib import Path

import pytest

from audit_lib.base.errors import BadInput
from audit_lib.project.policy import bundled_policy, load_policy
from audit_lib.project.policy.load import bundled_names

HEAD = 'name = "shop"\n'
SECRET = '[[secret]]\nname = "SHOP_KEY"\nservice = "web"\n'
OTHER = '[[secret]]\nname = "OTHER_KEY"\nservice = "web"\n'
DIGEST = sha256(b"nothing").hexdigest()


def faults_of(text: str, folder: Path) -> list[str]:
    """The faults that a policy text gives, each as one line."""
    path = folder / "policy.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(BadInput) as raised:
        load_policy(path)
    return [str(fault) for fault in raised.value.faults]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "policy.toml: has no name"),
        ("name = 3\n", "policy.toml: name must be a text"),
        ('name = "a\n', "policy.toml: is not TOML at line 1, column 10"),
        (HEAD + 'nmae = "x"\n', "policy.toml: has an unknown key nmae"),
        (HEAD + '["white space"]\n', "policy.toml: has an unknown key (unprintable name"),
        (HEAD + "warn_days = -1\n", "policy.toml: warn_days must be from 0 to 100000"),
        (HEAD + "warn_days = 999999999999\n", "policy.toml: warn_days must be from 0 to 100000"),
        (HEAD + "warn_days = true\n", "policy.toml: warn_days must be a whole number"),
        (HEAD + "default_max_age_days = 0\n", "policy.toml: default_max_age_days must be from 1 to 100000"),
        (HEAD + 'placeholders = "x"\n', "policy.toml: placeholders must be a list"),
        (HEAD + "placeholders = [1]\n", "policy.toml: placeholders must hold texts"),
        (HEAD + 'placeholders = ["a", "a"]\n', "policy.toml: placeholders contains something twice"),
        (HEAD + 'compromised = ["oops"]\n', "policy.toml: compromised #1 must be a SHA-256"),
        (HEAD + f'compromised = ["{DIGEST}", "X"]\n', "policy.toml: compromised #2 must be a SHA-256"),
        (HEAD + 'guide_sha256 = "X"\n', "policy.toml: guide_sha256 must be a SHA-256"),
        (
            HEAD + 'extends = "nothing"\n',
            "policy.toml: extends must be one of generic, paiid",
        ),
        (HEAD + '[formats]\nodd = "["\n', "policy.toml: formats.odd is not a regular expression"),
        (HEAD + '[formats]\nodd = "(?i)a"\n', "policy.toml: formats.odd is not a regular expression"),
        (
            HEAD + '[[grep]]\npattern = "["\npath = "*.log"\nlooks_for = "x"\nguide_line = 1\n',
            "policy.toml: grep #1: pattern must be a basic regular expression",
        ),
        (HEAD + "[formats]\nodd = 1\n", "policy.toml: formats.odd must be a text"),
        (HEAD + "[secret]\n", "policy.toml: secret must be a list of tables [[secret]]"),
        (HEAD + "secret = [1]\n", "policy.toml: secret #1: is not a table"),
        (HEAD + '[[consumer]]\nrefresh = "restart"\n', "policy.toml: consumer #1: has no name"),
        (
            HEAD + '[[consumer]]\nname = "web"\nrefresh = "often"\n',
            "policy.toml: consumer #1 (web): refresh must be one of restart, rebuild, reload, never",
        ),
        (HEAD + '[[consumer]]\nname = "web"\n' * 2, "policy.toml: has consumer web twice"),
        (HEAD + SECRET + 'overlap = "perhaps"\n', "overlap must be one of yes, no, unknown"),
        (HEAD + '[[secret]]\nservice = "web"\n', "policy.toml: secret #1: has no name"),
        (HEAD + SECRET + '[[secret]]\nname = "B"\n', "policy.toml: secret #2 (B): has no service"),
        (
            HEAD + '[[secret]]\nname = "A B"\nservice = "w"\n',
            "policy.toml: secret #1: name must be the name of",
        ),
        (HEAD + SECRET + SECRET, "policy.toml: secret SHOP_KEY appears 2 times (as name or alias)"),
        (HEAD + SECRET + OTHER + 'aliases = ["SHOP_KEY"]\n', "policy.toml: secret SHOP_KEY appears 2 times"),
        (
            HEAD + SECRET + 'kind = "key"\n',
            "secret #1 (SHOP_KEY): kind must be one of secret, identifier, setting",
        ),
        (HEAD + SECRET + 'required = "maybe"\n', "secret #1 (SHOP_KEY): required must be one of always"),
        (
            HEAD + SECRET + 'required_in = ["prod"]\n',
            "(SHOP_KEY): required_in must hold only",
        ),
        (HEAD + SECRET + 'component = "host"\n', "(SHOP_KEY): component must be one of whole, password"),
        (HEAD + SECRET + "min_length = -1\n", "(SHOP_KEY): min_length must be from 0 to 100000"),
        (
            HEAD + SECRET + "min_length = 9\ngood_length = 8\n",
            "(SHOP_KEY): good_length is less than min_length",
        ),
        (
            HEAD + SECRET + 'classes = ["vowel"]\n',
            "(SHOP_KEY): classes must hold only lower",
        ),
        (HEAD + SECRET + "max_age_days = -90\n", "(SHOP_KEY): max_age_days must be from 1 to 100000"),
        (HEAD + SECRET + "max_age_days = 90.0\n", "(SHOP_KEY): max_age_days must be a whole number"),
        (
            HEAD + SECRET + "max_age_days = 90\nexempt = true\n",
            "(SHOP_KEY): has a max_age_days, but is exempt",
        ),
        (HEAD + SECRET + 'equals = ["NOBODY"]\n', "(SHOP_KEY): equals NOBODY must name another variable"),
        (
            HEAD + SECRET + 'differs = ["SHOP_KEY"]\n',
            "(SHOP_KEY): differs SHOP_KEY must name another variable",
        ),
        (HEAD + SECRET + 'format = "gone"\n', "(SHOP_KEY): format gone is not in [formats]"),
        (
            HEAD + SECRET + 'expected = { production = "x" }\n',
            "(SHOP_KEY): expected would contain a secret's value",
        ),
        (
            HEAD + SECRET + 'expected = { live = "x" }\n',
            "(SHOP_KEY): expected.live must be one of",
        ),
        (HEAD + SECRET + "[secret.lines]\nperiod = [0]\n", "lines.period must be a list of line numbers"),
        (HEAD + SECRET + "[secret.lines]\nmood = [1]\n", "(SHOP_KEY): lines.mood must be one of entry"),
        (HEAD + SECRET + 'ower = "me"\n', "policy.toml: secret #1 (SHOP_KEY): has an unknown key ower"),
        (HEAD + '[[grep]]\npattern = "x"\n', "policy.toml: grep #1 (x): has no path"),
    ],
)
def test_each_fault_is_told_with_its_place(text: str, fault: str, tmp_path: Path) -> None:
    """A broken policy file names the place, then the fault."""
    assert any(fault in found for found in faults_of(text, tmp_path))


def test_all_faults_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    """Faults in different tables of one file are all told, in the order of the file."""
    text = (
        "warn_days = -1\n" + SECRET + "min_length = false\nmax_age_days = -1\n" + SECRET + 'mood = "good"\n'
    )
    assert faults_of(text, tmp_path) == [
        "policy.toml: has no name",
        "policy.toml: warn_days must be from 0 to 100000",
        "policy.toml: secret #1 (SHOP_KEY): max_age_days must be from 1 to 100000",
        "policy.toml: secret #1 (SHOP_KEY): min_length must be a whole number",
        "policy.toml: secret #2 (SHOP_KEY): has an unknown key mood",
        "policy.toml: secret SHOP_KEY appears 2 times (as name or alias)",
    ]


def test_a_fault_never_repeats_a_value(tmp_path: Path) -> None:
    """A value that someone wrote into a policy by mistake is not printed by the error."""
    value = "oops: this is a value/with=signs"
    text = HEAD + f'compromised = ["{value}"]\nkind = "{value}"\n"{value}" = 1\n' + SECRET
    text += f'kind = "{value}"\nequals = ["{value}"]\nformat = "{value}"\n[secret.lines]\n"{value}" = [1]\n'
    assert all(value not in fault for fault in faults_of(text, tmp_path))
    assert all(value not in fault for fault in faults_of(f'name = "x" {value}', tmp_path))


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"\xff\xfen\0", "is not UTF-8"),
        (b"#" * 1_000_001, "is larger than 1,000,000 bytes"),
        (b"a = " + b"[" * 100_000, "is not TOML"),
    ],
)
def test_what_is_no_policy_text_is_refused(content: bytes, fault: str, tmp_path: Path) -> None:
    """A file in another encoding, too large or nested beyond measure is one clear fault."""
    path = tmp_path / "policy.toml"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=fault):
        load_policy(path)


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    """A missing file, a directory, a link and a FIFO (without waiting for it) are one clear fault each."""
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(tmp_path / "fifo")
    for name, fault in (
        ("gone", "gone: does not exist"),
        (".", "is not a regular file"),
        ("link", "link: is a symbolic link"),
        ("fifo", "fifo: is not a regular file"),
        ("nul\0", "cannot be read"),
    ):
        with pytest.raises(BadInput, match=fault):
            load_policy(tmp_path / name)


def test_a_policy_has_the_lists_of_the_one_it_extends(tmp_path: Path) -> None:
    """Lists are joined, own settings win, and a byte-order mark is no fault."""
    path = tmp_path / "policy.toml"
    text = HEAD + 'extends = "generic"\nplaceholders = ["*shop*"]\nwarn_days = 7\n' + SECRET
    path.write_text(text, "utf-8-sig")
    policy, generic = load_policy(path), bundled_policy("generic")
    assert policy.placeholders == (*generic.placeholders, "*shop*")
    assert policy.public_prefixes == generic.public_prefixes
    assert policy.formats == generic.formats
    assert (policy.warn_days, policy.extends, policy.name) == (7, "generic", "shop")
    assert policy.sha256 == sha256(path.read_bytes()).hexdigest()


def test_a_secret_without_a_period_has_the_default_one(tmp_path: Path) -> None:
    """A period that the guide does not state is the policy's default; identifiers and settings have none."""
    path = tmp_path / "policy.toml"
    identifier = '[[secret]]\nname = "ACCOUNT"\nservice = "web"\nkind = "identifier"\n'
    exempt = '[[secret]]\nname = "FOREVER"\nservice = "web"\nexempt = true\n'
    stated = OTHER + "max_age_days = 30\n"
    path.write_text(HEAD + "default_max_age_days = 60\n" + SECRET + stated + identifier + exempt, "utf-8")
    rules = load_policy(path).secrets
    periods = [(rule.name, rule.max_age_days, rule.period_stated) for rule in rules]
    assert periods == [
        ("SHOP_KEY", 60, False),
        ("OTHER_KEY", 30, True),
        ("ACCOUNT", None, False),
        ("FOREVER", None, False),
    ]


def test_every_bundled_policy_loads() -> None:
    """The bundled policies are valid, and one that is not there is named with those that are."""
    assert [bundled_policy(name).name for name in bundled_names()] == ["generic", "paiid"]
    with pytest.raises(BadInput, match="is not a bundled policy: generic, paiid"):
        bundled_policy("../generic")


def test_tables_of_others_are_passed_on(tmp_path: Path) -> None:
    """A table that another module owns is not unknown and comes back as it stands."""
    path = tmp_path / "policy.toml"
    path.write_text(HEAD + "[detections.guessing]\nhigh = 5\n", "utf-8")
    assert load_policy(path).options == {"detections": {"guessing": {"high": 5}}}


def test_consumers_are_optional_and_laid_over(tmp_path: Path) -> None:
    """An own one replaces the bundled one of its name; of one that is not listed only the name is known."""
    path = tmp_path / "policy.toml"
    text = 'extends = "paiid"\n[[consumer]]\nname = "backend"\nrefresh = "reload"\nowner = "Team A"\n'
    path.write_text(HEAD + text, "utf-8")
    policy = load_policy(path)
    assert (policy.consumer("backend").refresh, policy.consumer("backend").owner) == ("reload", "Team A")
    assert policy.consumer("frontend").refresh == "rebuild"
    assert policy.consumer("mailer").refresh == ""

"""Each change of the rules by whoever may commit to the project is a row, and one that lowers a finding."""

import json
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from audit_lib.base.errors import Fault
from audit_lib.base.frames import Sources, rows
from audit_lib.findings.documents import document_sources
from audit_lib.findings.last_review import NOT_KNOWN, LastReview, laid_back
from audit_lib.findings.rule_changes import lowered_from, tabulate_rule_changes
from audit_lib.findings.rule_levers import WHOLE
from audit_lib.findings.rules_in_force import IN_PROJECT, OF_PROJECT, OUTSIDE, Rules, rules_in_force
from audit_lib.leaks.secret_patterns import Shapes
from audit_lib.ledger import Entry, Ledger
from audit_lib.ledger.keys import demo_key
from audit_lib.rotation.triggers import read_lists
from audit_lib.secrecy.keeper import Keeper
from audit_lib.settings import Project, SecretRule, choose_policy, load_project
from tests.support.fakes import fake_value
from tests.support.one_file import one_file

THEN = datetime(2026, 6, 30, tzinfo=UTC)
AUDIT = """name = "shop"
environments = ["production", "staging"]
leavers = "leavers.csv"
may_look = ["Ada"]

[[env]]
environment = "production"
service = "backend"
path = "backend/.env"

[[env]]
environment = "staging"
service = "backend"
path = "staging.env"

[[log]]
pattern = "logs/app.log"
service = "backend"
environment = "production"
instances = 2
time_zone = "UTC"

[[logins]]
name = "admin"
route = "/admin/login"
failed_statuses = [418]
"""
POLICY = """name = "shop"
extends = "generic"
compromised = ["{digest}"]
warn_days = 14

[formats]
"token" = '[a-z]{{20}}'

[[secret]]
name = "API_TOKEN"
service = "backend"
format = "token"
min_length = 20
max_age_days = 90
differs = ["JWT_KEY"]
placeholders = ["*todo*"]

[[secret]]
name = "JWT_KEY"
service = "backend"

[due_days]
high = 7

[detections]
known_clients = ["192.0.2.1/32"]

[attestations]
"1" = "Is it so?"
""".format(digest="ab" * 32)
FILES = {
    "audit.toml": one_file(AUDIT, POLICY),
    ".gitignore": ".env\n",
    ".secrets.baseline": "{}",
    "formats.toml": "",
    "leavers.csv": "who,date\nGrace,2026-05-01\nEdsger,2026-05-01\n",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a policy, an audit.toml and ignore files of its own."""
    root = tmp_path / "shop"
    root.mkdir()
    for name, text in FILES.items():
        (root / name).write_text(text)
    return root


def _rules(root: Path, policy: str = "") -> Rules:
    opened = load_project(root)
    chosen = choose_policy(opened, policy)
    lists = Sources.of(read_lists(opened, THEN)[0])
    documents = document_sources(opened, chosen, Ledger())
    return rules_in_force(opened, chosen, pd.concat([documents, lists]))


def _changes(was: Rules, now: Rules, ledger: Ledger | None = None) -> dict[tuple[str, str], Any]:
    found = tabulate_rule_changes(LastReview(THEN, rules=was), now, ledger or Ledger())
    return {(row.subject, row.field): row for row in rows(found)}


Edit = Callable[[Path], None]


def _edit(name: str, old: str, new: str) -> Edit:
    def edit(root: Path) -> None:
        text = (root / name).read_text()
        assert old in text
        (root / name).write_text(text.replace(old, new, 1))

    return edit


def _audit(old: str, new: str) -> Edit:
    return _edit("audit.toml", old, new)


def _policy(old: str, new: str) -> Edit:
    return _edit("audit.toml", old, new)


def _use_formats(root: Path) -> None:
    _audit('name = "shop"', 'name = "shop"\nlog_formats = "formats.toml"')(root)


STAGING = '[[env]]\nenvironment = "staging"\nservice = "backend"\npath = "staging.env"\n'
LOG = AUDIT[AUDIT.index("[[log]]") : AUDIT.index("[[logins]]")]
LOGIN = AUDIT[AUDIT.index("[[logins]]") :]
JWT = '[[secret]]\nname = "JWT_KEY"\nservice = "backend"\n'
API = "secret API_TOKEN"
# The edit, the row that it must be, its effect, and the severity of what it can hide.
LEVERS: dict[str, tuple[Edit, tuple[str, str], str, str]] = {
    "secret called a setting": (
        _policy("max_age_days = 90", 'kind = "setting"'), (API, "kind"), "lowers", "high"),
    "pair no longer apart": (
        _policy('differs = ["JWT_KEY"]\n', ""), (API, "differs"), "lowers", "high"),
    "period raised": (
        _policy("max_age_days = 90", "max_age_days = 9000"), (API, "max_age_days"), "lowers", "high"),
    "period shortened": (
        _policy("max_age_days = 90", "max_age_days = 30"), (API, "max_age_days"), "neutral", "info"),
    "exempt": (
        _policy("max_age_days = 90", "exempt = true"), (API, "max_age_days"), "lowers", "high"),
    "shared": (
        _policy("max_age_days = 90", "max_age_days = 90\nshared = true"), (API, "shared"), "lowers", "high"),
    "public": (
        _policy("max_age_days = 90", "max_age_days = 90\npublic = true"), (API, "public"), "lowers", "high"),
    "optional": (
        _policy("max_age_days = 90", 'max_age_days = 90\nrequired = "optional"'),
        (API, "required"), "lowers", "high"),
    "demanded in one environment": (
        _policy("max_age_days = 90", 'max_age_days = 90\nrequired_in = ["staging"]'),
        (API, "required_in"), "lowers", "high"),
    "milder": (
        _policy("max_age_days = 90", 'max_age_days = 90\nmissing_severity = "low"'),
        (API, "missing_severity"), "lowers", "high"),
    "shorter": (_policy("min_length = 20", "min_length = 2"), (API, "min_length"), "lowers", "medium"),
    "placeholder of a secret": (
        _policy('"*todo*"', '"*todo*", "*a*"'), (API, "placeholders"), "lowers", "medium"),
    "format of a secret": (_policy('format = "token"\n', ""), (API, "format"), "lowers", "medium"),
    "format": (
        _policy("[a-z]{20}", ".*"), ("format token", "expression"), "lowers", "medium"),
    "compromised value dropped": (
        _policy(f'compromised = ["{"ab" * 32}"]\n', ""), ("policy", "compromised"), "lowers", "high"),
    "placeholder for all": (
        _policy("warn_days = 14", 'placeholders = ["*"]'), ("policy", "placeholders"), "lowers", "medium"),
    "warned later": (_policy("warn_days = 14", "warn_days = 1"), ("policy", "warn_days"), "lowers", "low"),
    "due later": (
        _policy("high = 7", "high = 700"), ("table due_days", "high"), "lowers", "medium"),
    "known client": (
        _policy('"192.0.2.1/32"', '"192.0.2.1/32", "0.0.0.0/0"'),
        ("table detections", "known_clients"), "lowers", "high"),
    "environment dropped": (
        _audit('["production", "staging"]', '["production"]'),
        ("audit.toml", "environments"), "lowers", "high"),
    "env file dropped": (_audit(STAGING, ""), ("env file staging.env", WHOLE), "lowers", "high"),
    "env file called a backup": (
        _audit('path = "staging.env"', 'path = "staging.env"\nbackup = true'),
        ("env file staging.env", "backup"), "lowers", "high"),
    "env file called an example": (
        _audit('environment = "staging"\nservice', "example = true\nservice"),
        ("env file staging.env", "example"), "lowers", "high"),
    "env file of another environment": (
        _audit('environment = "production"', 'environment = "development"'),
        ("env file backend/.env", "environment"), "lowers", "high"),
    "env file replaced by a dummy": (
        _audit('path = "backend/.env"', 'path = "dummy.env"'),
        ("env file backend/.env", WHOLE), "lowers", "high"),
    "log dropped": (_audit(LOG, ""), ("log logs/app.log", WHOLE), "lowers", "high"),
    "log redirected": (
        _audit("logs/app.log", "logs/quiet.log"), ("log logs/app.log", WHOLE), "lowers", "high"),
    "log of one instance": (
        _audit("instances = 2", "instances = 1"), ("log logs/app.log", "instances"), "lowers", "medium"),
    "log in another zone": (
        _audit('time_zone = "UTC"', 'time_zone = "Asia/Tokyo"'),
        ("log logs/app.log", "time_zone"), "lowers", "medium"),
    "login dropped": (_audit(LOGIN, ""), ("added login admin", WHOLE), "lowers", "high"),
    "login that never fails": (
        _audit("[418]", "[599]"), ("added login admin", "failed_statuses"), "lowers", "high"),
    "login added": (
        _audit("[[logins]]", '[[logins]]\nname = "other"\nroute = "/x"\nfailed_statuses = [401]\n[[logins]]'),
        ("added login other", WHOLE), "neutral", "info"),
    "other log formats": (
        _audit('name = "shop"', 'name = "shop"\nlog_formats = "formats.toml"'),
        ("audit.toml", "formats"), "lowers", "high"),
    "another policy": (
        _audit('extends = "generic"', 'extends = "paiid"'),
        ("audit.toml", "extends"), "lowers", "medium"),
    "evidence that was committed": (
        _audit(LOGIN, LOGIN + '[[evidence]]\npattern = "dates.json"\nservice = "a"\nenvironment = "dev"\n'),
        ("evidence dates.json", WHOLE), "lowers", "medium"),
    "comment in audit.toml": (
        _audit('name = "shop"', '# other\nname = "shop"'),
        ("file audit.toml", "sha256"), "neutral", "info"),
    "comment in the policy": (
        _policy('name = "shop"', '# other\nname = "shop"'),
        ("file of the policy", "sha256"), "neutral", "info"),
    "own log formats": (
        lambda root: _use_formats(root) or _edit("formats.toml", "", "# other\n")(root),
        ("formats file formats.toml", WHOLE), "lowers", "high"),
    "a leaver taken off the list": (
        _edit("leavers.csv", "Edsger,2026-05-01\n", ""),
        ("leaver list leavers.csv", "days"), "lowers", "medium"),
    "a leaver more": (
        _edit("leavers.csv", "who,date\n", "who,date\nAlan,2026-06-01\n"),
        ("leaver list leavers.csv", "days"), "neutral", "info"),
    "a leaver by another name": (
        _edit("leavers.csv", "Edsger", "Nobody"),
        ("leaver list leavers.csv", "sha256"), "neutral", "info"),
    "the list of leavers is gone": (
        lambda root: (root / "leavers.csv").unlink(),
        ("leaver list leavers.csv", WHOLE), "lowers", "medium"),
    "no list of leavers": (
        _audit('leavers = "leavers.csv"\n', ""), ("audit.toml", "leavers"), "lowers", "medium"),
    "somebody more may look": (
        _audit('["Ada"]', '["Ada", "Mallory"]'), ("audit.toml", "may_look"), "lowers", "medium"),
    "git ignores more": (
        _edit(".gitignore", ".env", "*"), ("ignore file .gitignore", "sha256"), "neutral", "info"),
    "a scanner's baseline": (
        _edit(".secrets.baseline", "{}", "[]"),
        ("scanner file .secrets.baseline", "sha256"), "lowers", "low"),
}  # fmt: skip


@pytest.mark.parametrize("name", LEVERS)
def test_each_lever_is_a_row(project: Path, name: str) -> None:
    """What was edited is shown with its effect, and what lowers with what it can hide."""
    edit, where, effect, severity = LEVERS[name]
    was = _rules(project)
    edit(project)
    row = _changes(was, _rules(project))[where]
    assert (row.effect, row.severity) == (effect, severity)
    assert bool(row.hides) == (effect == "lowers")
    assert row.was != row.now


def test_nothing_changed_is_nothing_shown(project: Path) -> None:
    """Two reviews by the same rules differ in no row."""
    assert _changes(_rules(project), _rules(project)) == {}


def test_a_secret_that_was_removed_is_a_row(project: Path) -> None:
    """A secret that the policy no longer lists has one row of its own."""
    was = _rules(project)
    _policy(JWT, "")(project)
    _policy('differs = ["JWT_KEY"]\n', "")(project)
    row = _changes(was, _rules(project))["secret JWT_KEY", WHOLE]
    assert (row.was, row.now, row.effect) == ("yes", "none", "lowers")


@pytest.mark.parametrize("field", [one.name for one in fields(SecretRule)])
def test_no_field_of_a_secret_is_forgotten(project: Path, field: str) -> None:
    """Each field of a rule, those to come as well, is compared, but for what only cites or names."""
    opened = load_project(project)
    policy = choose_policy(opened)
    rule = policy.secrets[0]
    other = {bool: True, int: 4711, tuple: ("x",), str: "x", dict: {"production": "x"}}
    now = getattr(rule, field)
    changed = {bool: not now}.get(type(now), other.get(type(now), 4711))
    edited = replace(policy, secrets=(replace(rule, **{field: changed}), *policy.secrets[1:]))
    sources = document_sources(opened, policy, Ledger())
    found = _changes(rules_in_force(opened, policy, sources), rules_in_force(opened, edited, sources))
    assert bool(found) == (field not in ("title", "lines"))


def test_no_field_of_audit_toml_is_forgotten() -> None:
    """Each field of a project is compared as one, by its parts, or is not audit.toml's to decide."""
    by_parts = {"env_sources", "log_sources", "deploy_sources", "evidence_sources", "logins", "layout_sha256"}
    not_its_own = {"root", "log_folders", "ledger", "configured", "layout", "demands", "not_searched"}
    of_the_sample = {"pinned_as_of", "key"}  # refused of any other project
    named = {*OF_PROJECT, *by_parts, *not_its_own, *of_the_sample}
    assert {one.name for one in fields(Project)} == named


def test_no_text_that_could_be_a_value_is_shown(project: Path) -> None:
    """A value that somebody writes into a policy is not repeated by the report that shows the change."""
    value = fake_value("rules")
    was = _rules(project)
    _policy('"*todo*"', f'"*todo*", "{value}"')(project)
    _policy("warn_days = 14", f'placeholders = ["{value}"]')(project)
    now = _rules(project)
    assert value not in repr(now)
    assert value not in repr(_changes(was, now))


def test_no_digest_looks_like_a_secret(project: Path) -> None:
    """A report or ledger with the rules in it is searched by shape like any other file: nothing is met."""
    rules = _rules(project)
    text = json.dumps({**rules, "table x": {"caller_secrets": rules["policy"]["secret_names"]}})
    assert not Shapes(Keeper(demo_key()), ()).meets(text.encode())


def test_a_lowered_rule_stays_lowered(project: Path) -> None:
    """The next review compares with the rule as it was before, until somebody restores it."""
    first = _rules(project)
    _policy("max_age_days = 90", "max_age_days = 9000")(project)
    _audit(STAGING, "")(project)
    _audit('name = "shop"', 'name = "shop"\nlog_formats = "formats.toml"')(project)
    _edit(".gitignore", ".env", "*")(project)
    second = _rules(project)
    last = LastReview(THEN, rules=first)
    lowered = lowered_from(last, tabulate_rule_changes(last, second, Ledger()))
    kept = laid_back({"in_force": second, "lowered_from": lowered})
    again = _changes(kept, second)
    assert set(again) == {
        (API, "max_age_days"),
        ("env file staging.env", WHOLE),
        ("audit.toml", "formats"),
        ("formats file formats.toml", WHOLE),
    }
    assert again[API, "max_age_days"].was == "90"
    _policy("max_age_days = 9000", "max_age_days = 90")(project)
    assert (API, "max_age_days") not in _changes(kept, _rules(project))


def test_without_a_last_review_it_is_not_known() -> None:
    """One row says so: that nothing changed is never claimed."""
    (row,) = rows(tabulate_rule_changes(None, {}, Ledger()))
    assert (row.effect, row.since) == ("not known", NOT_KNOWN)


def test_what_was_accepted_or_lost_since_is_a_row(project: Path) -> None:
    """An acceptance since the last review is shown, and so is a chain that was cut."""
    same = _rules(project)
    body = {"id": "weak-value:X", "by": "Ada", "reason": "x", "until": "2026-12-31T00:00:00Z"}
    accepted = (Entry("ada", 1, datetime(2026, 7, 1, tzinfo=UTC), "acceptance", "0" * 8, "", "", "", body),)
    found = _changes(same, same, Ledger(accepted, lost=(Fault("ledger bob", "had an entry 7"),)))
    assert found["finding weak-value:X", "accepted"].effect == "neutral"
    assert found["ledger bob", "entries"].severity == "critical"


def test_a_policy_outside_of_the_project_is_named_so(project: Path, tmp_path: Path) -> None:
    """Whose policy it is can be seen, and one that moves into the project is lowered."""
    (tmp_path / "mine.toml").write_text(POLICY)
    outside, inside = _rules(project, str(tmp_path / "mine.toml")), _rules(project)
    assert (outside["policy"]["origin"], inside["policy"]["origin"]) == (OUTSIDE, IN_PROJECT)
    assert _changes(outside, inside)["policy", "origin"].effect == "lowers"
    assert _changes(inside, outside)["policy", "origin"].effect == "neutral"

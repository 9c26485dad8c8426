"""What the commands that write the ledger leave in it and refuse, and what a review makes of that."""

import os
import re
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from shutil import copytree

import pytest

from audit_lib.audit import Audit
from audit_lib.base.clock import iso
from audit_lib.ledger import Entry, Ledger, read_ledger
from audit_lib.ledger.keys import key_of
from audit_lib.report.record import report_record
from audit_lib.report.tables import to_json
from audit_lib.rotation.rotations import revocations
from audit_lib.settings import load_project
from tests.cli.small import AUDIT, FINDING, POLICY, SmallProject, one_file, write_report
from tests.support.audits import run_audit
from tests.support.fakes import fake_value

RECORD = "record API_TOKEN --environment prod"
CLOSE = "decide close {} --proof 'commit 7' --by Ada"


def ledger_of(small: SmallProject) -> Ledger:
    """The project's ledger, held against the key."""
    return read_ledger(small.root / ".audit" / "ledger", key_of(load_project(small.root)))


def token_of(entry: Entry) -> str:
    """The fingerprint of API_TOKEN in a snapshot."""
    return next(row["fingerprint"] for row in entry.body["secrets"] if row["secret"] == "API_TOKEN")


def reviewed(small: SmallProject, *when: str) -> Audit:
    """The audit of a quarter."""
    return run_audit(load_project(small.root), *when)


def test_a_snapshot_and_a_rotation_record_no_value(small: SmallProject) -> None:
    """A snapshot holds fingerprints, places and the digest of audit.toml; a rotation the value in place."""
    first = small.run("snapshot")
    assert re.match(r"ledger ci#1: 2 values in 1 place seen at 20", first.stdout)
    small.edit("project/audit.toml", "[[env]]", "# changed\n[[env]]")
    small.values(2)
    small.run(f"{RECORD} --at 2026-09-30 --by Ada")
    small.run("snapshot")
    before, rotation, after = ledger_of(small).entries
    place = {"environment": "production", "service": "backend", "source": "backend/.env"}
    assert before.body["places"] == [place | {"complete": True}]
    digests = [entry.body["configuration"]["audit_toml"] for entry in (before, after)]
    assert digests[0] != digests[1] == sha256((small.root / "audit.toml").read_bytes()).hexdigest()
    assert rotation.body["fingerprint"] == token_of(after) != token_of(before)
    assert (rotation.body["claimed_at"], rotation.body["day_only"]) == ("2026-09-30T00:00:00Z", True)
    text = (small.root / ".audit/ledger/ci.jsonl").read_text() + first.output
    values = [fake_value((name, n), *size) for n in (1, 2) for name, *size in (("token",), ("password", 24))]
    assert not [value for value in values if value in text]
    small.write("project/backend/.env", f"API_TOKEN='x'\nDATABASE_URL=postgres://a:{values[2]}@h/d\n")
    assert re.search(r"(?m)^(?!without a value).*API_TOKEN", small.run("snapshot").stdout)


def test_two_values_in_one_place_are_told_apart(small: SmallProject) -> None:
    """Each file's value has an age of its own and was not rotated back; that there are two is a finding."""
    one = AUDIT[AUDIT.index("[[env]]") :]
    small.write("project/audit.toml", AUDIT.replace(".env", ".env.shared", 1) + one)
    for version in (8, 9):
        small.values(version)
        (small.root / "backend" / ".env").rename(small.root / "backend" / ".env.shared")
        small.values(1)
        small.run("snapshot")
    audit = reviewed(small, "2026Q3", "2099-01-01")
    tokens = audit.ages.query("secret == 'API_TOKEN' and environment == 'production'")
    assert tokens["service"].tolist() == ["backend", "backend (backend/.env.shared)"]
    assert not tokens["rotated_back"].any()
    assert tokens["unrecorded_rotation"].tolist() == [False, True]
    found = set(audit.findings["id"])
    assert "two-values-in-one-place:API_TOKEN:production/backend-backend/.env.shared" in found
    assert not any("rotated-back" in one for one in found)


def test_an_old_value_is_not_fresh_after_a_snapshot_of_another_folder(small: SmallProject) -> None:
    """The other folder's value looks like a rotation since; the file, older than that, speaks against it."""
    ledger, env = small.folder / "ledger", small.root / "backend" / ".env"
    for version in (2, 1):
        small.values(version)
        os.utime(env, (1_600_000_000, 1_600_000_000))
        small.run(f"snapshot --ledger {ledger}")
    ages = run_audit(load_project(small.root, ledger), as_of=iso(datetime.now(UTC))).ages
    held = ages[ages["environment"].eq("production")]
    assert (set(held["status"]), held["conflict"].all()) == ({"unknown"}, True)


def test_a_revocation_names_the_value_that_was_revoked(small: SmallProject) -> None:
    """The one in place, or the last other one, also across a change of the key: who, when, what proof."""
    small.run("snapshot")
    small.values(2)
    small.run("snapshot")
    small.run("rotate key")
    said = small.run(f"{RECORD} --revoked current --at 2026-09-30 --by Ada --proof 'it answers 401'").stdout
    assert "the current value of API_TOKEN in production/backend, revoked 2026-09-30" in said
    assert "no provider was asked" in said
    small.values(3)
    small.run("snapshot")
    small.run(f"{RECORD} --revoked previous")
    ledger = ledger_of(small)
    second, (first, again) = token_of(ledger.of_kind("snapshot")[2]), revocations(ledger)
    assert (first.fingerprint, again.fingerprint) == (second, second)
    assert (f"{first.claimed_at:%F}", "by Ada; proof: it answers 401;" in first.said) == ("2026-09-30", True)
    assert "the provider was not asked" in first.said


def test_a_closed_finding_that_is_there_is_contradicted(small: SmallProject) -> None:
    """The record lowers nothing: the finding stays open, and its row says who called it closed."""
    small.run("snapshot")
    more = '[[secret]]\nname = "JWT_KEY"\nservice = "backend"\nrequired = "always"\n'
    small.write("project/audit.toml", one_file(AUDIT, POLICY + more))
    missing = "missing-secret:JWT_KEY:production/backend"
    small.report_findings(FINDING, missing)
    small.run(f"decide assign {FINDING} --owner Ada --due 2099-01-01 --ticket OPS-7 --by Bo")
    small.run(CLOSE.format(missing))
    owned = {"reason": "", "owner": "Ada", "ticket": "OPS-7", "until": "2099-01-01T23:59:59Z", "by": "Bo"}
    assert [entry.body for entry in ledger_of(small).of_kind("decision")] == [
        {"subject": FINDING, "verdict": "assign", **owned},
        {"subject": missing, "verdict": "close", "reason": "commit 7", "by": "Ada"},
    ]
    listed = small.run("decide list").stdout.splitlines()
    assert [line.split("  ")[2].split(" ")[0] for line in listed[:2]] == ["assign", "close"]
    found = reviewed(small, "2099Q1", "2099-04-01").findings.set_index("check")
    assert found.loc["missing-secret", ["status", "closed_by"]].tolist() == ["open", "Ada (ledger ci#3)"]


def test_a_sign_off_keeps_what_the_review_judged_by(small: SmallProject) -> None:
    """The next review compares itself with it, if nobody kept the report; SIGNED.md has a row of it."""
    small.run("snapshot")
    folder = write_report(small.report, to_json(report_record(reviewed(small, "2026Q3", "2026-09-30"))))
    small.run("sign {report} --by Ada")
    row = r"\| Ada \| reviewed \| .* \| \d+ \| audit_lib \S+, Python 3\.\S+ \|  \| ledger ci#2 \|"
    assert re.search(row, (folder / "SIGNED.md").read_text())
    longer = POLICY.replace("max_age_days = 90", "max_age_days = 900", 1)
    small.write("project/audit.toml", one_file(AUDIT, longer))
    later = reviewed(small, "2099Q1", "2099-04-01")
    (changed,) = later.findings.loc[later.findings["check"].eq("settings-changed"), "evidence"]
    assert "API_TOKEN" in changed
    assert "900" in changed
    assert later.findings["opened_in"].eq("2026Q3").any()
    assert later.settings_changes["since"].str.contains("ledger ci#2", regex=False).all()


def test_a_changed_key_is_bridged(small: SmallProject) -> None:
    """Old entries stay vouched for, and each value at hand is linked to its new fingerprint."""
    small.run("snapshot")
    small.run("rotate key")
    ledger = ledger_of(small)
    first, bridge, again = ledger.entries
    assert ledger.faults == ()
    assert (first.key_id, bridge.body["lost"]) == (bridge.body["from_key_id"], False)
    pairs = zip(first.body["secrets"], again.body["secrets"], strict=True)
    assert bridge.body["links"] == {old["fingerprint"]: new["fingerprint"] for old, new in pairs}
    assert "2 MACs valid" in small.run("verify {project}").stdout


# ---- No command writes a secret value that somebody typed or pasted into one of its texts ----

CLINIC = 'name = "clinic-scheduling-app"\nextends = "paiid"\n'
CLINIC += '[[env]]\nenvironment = "production"\nservice = "backend"\npath = ".env"\n'
TOKEN, RETIRED = fake_value("typed token"), fake_value("typed and retired")


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a key, and a project with a value in force, and one that only the ledger has seen."""
    small = SmallProject(tmp_path_factory.mktemp("seen"))
    small.write("project/audit.toml", CLINIC)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AUDIT_KEY_FILE", str(small.folder / "home" / "key"))
        for value in (RETIRED, TOKEN):
            small.write("project/.env", f"API_TOKEN={value}\nPROJECT_NAME=clinic-scheduling-app\n")
            small.run("snapshot")
    write_report(small.report)
    return small.folder


@pytest.fixture
def typed(seen: Path, small: SmallProject) -> SmallProject:
    """A copy of that project, under the same key."""
    copytree(seen, small.folder, dirs_exist_ok=True)
    return small


ACCEPT = "decide accept overdue-secret:x --until 2099-01-01"
AT = "record API_TOKEN --environment production --at 2026-01-01"
COMMANDS = [
    *(f"{ACCEPT} --reason", f"{ACCEPT} --reason x --by", "decide accept --until 2099-01-01 --reason x ID"),
    *("decide assign overdue-secret:x --owner", "decide assign overdue-secret:x --owner x --ticket"),
    *("decide assign --owner x ID", "decide close overdue-secret:x --proof"),
    *("decide attest 142 --until 2099-01-01 --reason", f"{AT} --by", f"{AT} --ticket"),
    *(f"{AT} --reason", "sign {report} --by", "sign {report} --reason"),
    *("review --quarter 2026Q3 --as-of 2026-10-01 --out", "investigate --as-of 2026-10-01 --out"),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_value_in_a_text_is_refused(typed: SmallProject, command: str) -> None:
    """In force as it is or spelled in hex, or retired: the option is named, the value is not, and nothing is
    written."""
    *_, last = command.split()
    before = {path: path.read_bytes() for path in typed.folder.rglob("*") if path.is_file()}
    for value in (TOKEN, TOKEN.encode().hex(), RETIRED):
        text = {"--out": str(typed.folder / "out" / f"for-{value}" / value), "ID": f"overdue-secret:{value}"}
        done = typed.run(f"{command.removesuffix('ID')} '{text.get(last, f'see {value}')}'", 2)
        assert "holds a secret value" in done.output
        assert value not in done.output
        assert {path: path.read_bytes() for path in typed.folder.rglob("*") if path.is_file()} == before
    assert not (typed.folder / "out").exists()


def test_the_name_of_the_project_may_be_written(typed: SmallProject) -> None:
    """Also if a setting has it as its value: it is in every report anyway."""
    typed.run("decide attest 142 --until 2099-01-01 --reason 'as decided for clinic-scheduling-app'")

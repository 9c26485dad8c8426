"""The commands that write and check the ledger, on a small project."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from audit_lib.__main__ import main
from audit_lib.ledger import Ledger, read_ledger
from audit_lib.ledger.decisions import decisions
from audit_lib.ledger.keys import load_key
from audit_lib.report.record import report_record
from audit_lib.report.tables import to_json
from audit_lib.rotation.rotations import revocations
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.settings import load_project
from tests.support.audits import run_audit
from tests.support.fakes import fake_value
from tests.support.one_file import one_file

Run = Callable[..., Result]
POLICY = """
name = "small"
[[secret]]
name = "API_TOKEN"
service = "backend"
required = "always"
max_age_days = 90
[[secret]]
name = "DATABASE_URL"
service = "backend"
required = "always"
component = "password"
max_age_days = 90
[attestations]
"141" = "Is it paper?"
"142" = "Is two-factor authentication on?"
"""
AUDIT = """
extends = "generic"
[[env]]
path = "backend/.env"
environment = "production"
service = "backend"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with two secrets in one env file."""
    root = tmp_path / "project"
    (root / "backend").mkdir(parents=True)
    (root / "audit.toml").write_text(one_file(AUDIT, POLICY))
    write_env(root, 1)
    return root


def write_env(root: Path, version: int) -> None:
    """Put values of a version into the env file."""
    values = (fake_value(("token", version)), fake_value(("password", version), 24))
    text = f"API_TOKEN={values[0]}\nDATABASE_URL=postgresql://app:{values[1]}@db/app\n"
    (root / "backend" / ".env").write_text(text)


@pytest.fixture
def run(tmp_path: Path, project: Path) -> Run:
    """Run a command on the project, under a key file of the test's own."""

    def command(*args: str, text: str | None = None, code: int = 0, where: bool = True) -> Result:
        environ = {"AUDIT_KEY_FILE": str(tmp_path / "home" / "key")}
        place = ["--project", str(project)] if where else []
        result = CliRunner(env=environ).invoke(main, [*args, *place], input=text)
        assert result.exit_code == code, result.output
        return result

    return command


def entries(tmp_path: Path, project: Path) -> Ledger:
    """The project's ledger, held against the key."""
    folder = project / ".audit" / "ledger"
    return read_ledger(folder, load_key(folder, {"AUDIT_KEY_FILE": str(tmp_path / "home" / "key")}))


def test_a_snapshot_makes_the_key_and_records_no_value(run: Run, project: Path, tmp_path: Path) -> None:
    """A first snapshot says where the key is; the entry holds fingerprints and verdicts."""
    first = run("snapshot", "--writer", "ci")
    assert "keep a copy" in first.stderr
    assert re.match(r"ledger ci#1: 2 values in 1 place seen at 20", first.stdout)
    assert "keep a copy" not in run("snapshot", "--writer", "ci").stderr
    ledger = entries(tmp_path, project)
    assert [entry.kind for entry in ledger.entries] == ["snapshot", "snapshot"]
    assert ledger.entries[0].body["places"] == [
        {"complete": True, "environment": "production", "service": "backend", "source": "backend/.env"}
    ]
    text = (project / ".audit/ledger/ci.jsonl").read_text()
    for value in (fake_value(("token", 1)), fake_value(("password", 1), 24)):
        assert value not in text + first.output


def test_a_rotation_is_recorded_with_the_value_in_place(run: Run, project: Path, tmp_path: Path) -> None:
    """The claim and the fingerprint stand in one entry; aliases of environments are known."""
    run("snapshot", "--writer", "ci")
    write_env(project, 2)
    run("record", "API_TOKEN", "--environment", "prod", "--at", "2026-09-30", "--by", "Ada", "--writer", "ci")
    run("snapshot", "--writer", "ci")
    before, rotation, after = entries(tmp_path, project).entries
    seen = [
        row["fingerprint"]
        for row in (*before.body["secrets"], *after.body["secrets"])
        if row["secret"] == "API_TOKEN"
    ]
    assert rotation.body["fingerprint"] == seen[1] != seen[0]
    assert (rotation.body["claimed_at"], rotation.body["day_only"]) == ("2026-09-30T00:00:00Z", True)


@pytest.mark.parametrize(
    ("claimed", "instant"),
    [
        ("2026-07-01 10:00", "2026-07-01T08:00:00Z"),
        ("2026-01-01T10:00", "2026-01-01T09:00:00Z"),
        ("2025-10-26 02:30", "2025-10-26T00:30:00Z"),  # twice that night: the first
        ("2026-07-01T10:00Z", "2026-07-01T10:00:00Z"),
    ],
)
def test_a_time_without_a_zone_is_the_projects(run: Run, project: Path, claimed: str, instant: str) -> None:
    """People write what their clock on the wall shows; it is printed back as UTC."""
    (project / "audit.toml").write_text('time_zone = "Europe/Berlin"\n' + AUDIT)
    run("snapshot", "--writer", "ci")
    told = run("record", "API_TOKEN", "--environment", "prod", "--at", claimed, "--writer", "ci").stdout
    assert f"rotated {instant}" in told


def test_a_record_of_a_value_that_did_not_change_needs_a_date(run: Run, project: Path) -> None:
    """What was seen before proves no rotation by now; a change that was seen and awaits a record does."""
    run("snapshot", "--writer", "ci")
    refused = run("record", "API_TOKEN", "--environment", "prod", "--writer", "ci", code=2).stderr
    assert "--at: is needed: ledger ci#1 saw this value at" in refused
    write_env(project, 2)
    run("snapshot", "--writer", "ci")
    assert "rotated by 20" in run("record", "API_TOKEN", "--environment", "prod", "--writer", "ci").stdout
    again = run("record", "API_TOKEN", "--environment", "prod", "--writer", "ci", code=2)
    assert "nothing shows a rotation since" in again.stderr


def test_a_snapshot_that_lacks_a_place_is_refused(run: Run, project: Path, tmp_path: Path) -> None:
    """A place that was forgotten, or an environment without the values; with --fewer it is recorded."""
    (project / "staging.env").write_text(f"API_TOKEN={fake_value('staging')}\n")
    run("snapshot", "--writer", "ci", "--env", f"staging/backend={project / 'staging.env'}")
    refused = run("snapshot", "--writer", "ci", code=2).stderr
    assert "no value of staging/backend was seen, and ledger ci#1 saw some" in refused
    run("snapshot", "--writer", "ci", "--fewer")
    run("snapshot", "--writer", "ci")
    assert len(entries(tmp_path, project).entries) == 3


def test_a_snapshot_of_no_value_is_refused(run: Run, project: Path) -> None:
    """An empty env file or environment: most likely the wrong one."""
    (project / "backend" / ".env").write_text("API_TOKEN=\n")
    for more in ([], ["--fewer"], ["--env", "production/backend=environ"]):
        assert "not one value" in run("snapshot", "--writer", "ci", *more, code=2).stderr


def test_two_values_in_one_place_are_told_apart(
    run: Run, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file's value has an age of its own and was not rotated back; that there are two is a finding."""
    monkeypatch.setenv("AUDIT_KEY_FILE", str(tmp_path / "home" / "key"))
    one = AUDIT[AUDIT.index("[[env]]") :]
    (project / "audit.toml").write_text(AUDIT.replace(".env", ".env.shared", 1) + one)
    for version in (8, 9):
        write_env(project, version)
        (project / "backend" / ".env").rename(project / "backend" / ".env.shared")
        write_env(project, 1)
        run("snapshot", "--writer", "ci")
    audit = run_audit(load_project(project), "2026Q3", "2099-01-01")
    ages = audit.ages
    tokens = ages[(ages["secret"] == "API_TOKEN") & (ages["environment"] == "production")]
    assert tokens["service"].tolist() == ["backend", "backend (backend/.env.shared)"]
    assert not tokens["rotated_back"].any()
    assert tokens["unrecorded_rotation"].tolist() == [False, True]
    found = set(audit.findings["id"])
    assert "two-values-in-one-place:API_TOKEN:production/backend-backend/.env.shared" in found
    assert not any("rotated-back" in one for one in found)


REVOKED = ("record", "API_TOKEN", "--environment", "prod", "--writer", "ci", "--revoked")


def test_a_revocation_names_the_value_that_was_revoked(run: Run, project: Path, tmp_path: Path) -> None:
    """The one in place, or the last other one, also across a change of the key: who, when, what proof."""
    run("snapshot", "--writer", "ci")
    write_env(project, 2)
    run("snapshot", "--writer", "ci")
    run("rotate", "key", "--writer", "ci")
    told = run(*REVOKED, "current", "--at", "2026-09-30", "--by", "Ada", "--proof", "it answers 401").stdout
    assert "the current value of API_TOKEN in production/backend, revoked 2026-09-30" in told
    assert "no provider was asked" in told
    write_env(project, 3)
    run("snapshot", "--writer", "ci")
    run(*REVOKED, "previous")
    ledger = entries(tmp_path, project)
    second = next(
        row["fingerprint"]
        for row in ledger.of_kind("snapshot")[2].body["secrets"]
        if row["secret"] == "API_TOKEN"
    )
    first, again = revocations(ledger)
    assert (first.fingerprint, again.fingerprint) == (second, second)
    assert (f"{first.claimed_at:%Y-%m-%d}", first.by, first.proof) == ("2026-09-30", "Ada", "it answers 401")
    assert "the provider was not asked" in first.said


def test_a_value_that_is_not_known_is_not_recorded_as_revoked(run: Run, project: Path) -> None:
    """Without an earlier value, or with one under a key that is gone, the record says what is missing."""
    run("snapshot", "--writer", "ci")
    assert "no value before the current one" in run(*REVOKED, "previous", code=2).stderr
    (project / "backend" / ".env").unlink()
    assert "supply it with --env" in run(*REVOKED, "current", code=2).stderr
    assert "supply it with --env" in run(*REVOKED, "previous", code=2).stderr


WEAK = "tracked-env-file:env-file:production/backend"
SLIP = WEAK.replace("file:", "fil:", 1)


@pytest.mark.parametrize(
    ("args", "fault"),
    [
        ("record API_TOKEN --environment prod", "key: does not exist yet"),
        ("record API_TOKEN --environment moon", "--environment: must be one of"),
        ("record NOTHING --environment prod", "SECRET: is not known in production"),
        ("record API_TOKEN --environment prod --at 2999-01-01", "--at: is in the future"),
        ("record API_TOKEN --environment prod --at soon", "--at: must be a date"),
        (f"decide accept {WEAK} --reason y --until 2020-01-01", "--until: is in the past"),
        (f"decide accept {SLIP} --reason y --until 2099-01-01", "did you mean tracked-env-file:env-file"),
        ("decide accept weak-value --reason y --until 2099-01-01", "ID: is the id of no finding"),
        ("decide attest 999 --reason y --until 2099-01-01", "RULE: must be one that the policy asks"),
        (f"decide assign {SLIP} --owner Ada", "did you mean tracked-env-file:env-file"),
        (f"decide assign {WEAK} --owner Ada --due 2020-01-01", "--due: is in the past"),
        ("decide close weak-value --proof y", "ID: is the id of no finding"),
        (f"decide close {WEAK} --proof y", "key: does not exist yet"),
        ("snapshot --env production", "--env"),
    ],
)
def test_bad_input_is_one_line(run: Run, args: str, fault: str) -> None:
    """Place, then fault, on stderr; exit code 2."""
    result = run(*args.split(), code=2)
    assert fault in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_decisions_are_recorded_and_verified(run: Run, project: Path, tmp_path: Path) -> None:
    """Acceptances and attestations end; the ledger verifies with the key and without it."""
    run("snapshot", "--writer", "ci")
    run("decide", "accept", WEAK, "--by", "Ada", "--reason", "known", "--until", "2099-01-01")
    run("decide", "attest", "142", "--by", "Ada", "--reason", "looked", "--until", "2099-01-01")
    assert [one.verdict for one in decisions(entries(tmp_path, project))] == ["accept", "attest"]
    assert "3 entries: links are intact, 3 MACs valid" in run("verify", str(project), where=False).stdout
    (tmp_path / "home" / "key").unlink()
    assert "MACs were not checked" in run("verify", str(project), where=False).stdout
    assert "was written under key" in run("snapshot", code=2).stderr


def test_findings_are_assigned_and_closed(run: Run, project: Path, tmp_path: Path) -> None:
    """Both are entries under the key, `decide list` has them, and nobody says the same of one twice."""
    run("snapshot", "--writer", "ci")
    assign = f"decide assign {WEAK} --owner Ada --due 2099-01-01 --ticket OPS-7 --by Bo".split()
    close = ("decide", "close", WEAK, "--proof", "commit 7", "--by", "Ada", "--writer", "ci")
    assert "ledger ci#2: " in run(*assign, "--writer", "ci").stdout
    assert "ID: has this decision already (ledger ci#2)" in run(*assign, code=2).stderr
    assert "the next review decides" in run(*close).stdout
    assert "ID: has this decision already (ledger ci#3)" in run(*close, code=2).stderr
    run(*assign[:4], "Cy", "--writer", "ci")
    ledger = entries(tmp_path, project)
    owned = {"reason": "", "owner": "Ada", "ticket": "OPS-7", "until": "2099-01-01T23:59:59Z", "by": "Bo"}
    closed = {"reason": "commit 7", "by": "Ada"}
    assert [entry.body for entry in ledger.of_kind("decision")][:2] == [
        {"subject": WEAK, "verdict": verdict, **body}
        for verdict, body in (("assign", owned), ("close", closed))
    ]
    shown = run("decide", "list")
    verdicts = [line.split("  ")[2].split(" ")[0] for line in shown.stdout.splitlines()[:3]]
    assert verdicts == ["assign", "close", "assign"]
    assert "Ada 2099-01-01T23:59:59Z; by: Bo; ticket: OPS-7  (ledger ci#2)" in shown.stdout
    assert "3 entries shown, 1 of snapshots" in shown.stderr
    assert len(run("decide", "list", WEAK).stdout.splitlines()) == 3
    assert run("decide", "list", "weak-value:OTHER").stdout == ""


def test_a_closed_finding_that_is_there_is_contradicted(run: Run, project: Path, tmp_path: Path) -> None:
    """The record lowers nothing: the finding stays open, and its row says who called it closed."""
    run("snapshot", "--writer", "ci")
    finding = "missing-secret:JWT_KEY:production/backend"
    more = '[[secret]]\nname = "JWT_KEY"\nservice = "backend"\nrequired = "always"\n'
    (project / "audit.toml").write_text(one_file(AUDIT, POLICY + more))
    run("decide", "close", finding, "--proof", "commit 7", "--by", "Ada", "--writer", "ci")
    audit = run_audit(load_project(project), "2099Q1", "2099-04-01", keeper=Keeper(_key(tmp_path, project)))
    found = audit.findings.set_index("check")
    assert found.loc["missing-secret", "status"] == "open"
    assert found.loc["missing-secret", "closed_by"] == "Ada (ledger ci#2)"


def test_a_sign_off_keeps_what_the_review_judged_by(run: Run, project: Path, tmp_path: Path) -> None:
    """The next review compares itself with it, if nobody kept the report."""
    run("snapshot", "--writer", "ci")
    keeper = Keeper(_key(tmp_path, project))
    first = run_audit(load_project(project), "2026Q3", "2026-09-30", keeper=keeper)
    folder = report(tmp_path / "report", to_json(report_record(first)))
    run("sign", str(folder), "--by", "Ada", "--writer", "ci")
    longer = POLICY.replace("max_age_days = 90", "max_age_days = 900", 1)
    (project / "audit.toml").write_text(one_file(AUDIT, longer))
    later = run_audit(load_project(project), "2099Q1", "2099-04-01", keeper=keeper)
    findings = later.findings
    (changed,) = findings.loc[findings["check"].eq("settings-changed"), "evidence"]
    assert "API_TOKEN" in changed
    assert "900" in changed
    assert findings["opened_in"].eq("2026Q3").any()
    assert later.settings_changes["since"].str.contains("ledger ci#2", regex=False).all()


def _key(tmp_path: Path, project: Path) -> Key:
    found = load_key(project / ".audit" / "ledger", {"AUDIT_KEY_FILE": str(tmp_path / "home" / "key")})
    assert found is not None
    return found


def test_open_questions_are_those_that_nobody_answers_for(run: Run) -> None:
    """A policy's questions are listed until they are attested."""
    run("snapshot", "--writer", "ci")
    assert run("decide", "list").stdout.splitlines() == [
        "141: Is it paper?",
        "142: Is two-factor authentication on?",
    ]
    run("decide", "attest", "142", "--by", "Ada", "--reason", "looked", "--until", "2099-01-01")
    assert run("decide", "list").stdout.splitlines()[1:] == ["141: Is it paper?"]
    run("decide", "attest", "141", "--no", "--by", "Ada", "--reason", "a live key", "--until", "2099-01-01")
    assert "Is it paper?" not in run("decide", "list").stdout


def test_an_owner_confirms_a_secret_for_a_quarter(run: Run, tmp_path: Path, project: Path) -> None:
    """`attest secret:NAME` is recorded for up to 92 days; a longer one and another's name are refused."""
    run("snapshot", "--writer", "ci")
    said = ("--by", "Ada", "--reason", "looked")
    refused = run("decide", "attest", "secret:API_TOKEN", *said, "--until", "2099-01-01", code=2)
    assert "is over 92 days from now" in refused.stderr
    soon = f"{datetime.now(UTC) + timedelta(days=80):%Y-%m-%d}"
    assert (
        "RULE: must be one"
        in run("decide", "attest", "secret:NO_SUCH", *said, "--until", soon, code=2).stderr
    )
    run("decide", "attest", "secret:API_TOKEN", *said, "--until", soon)
    (made,) = decisions(entries(tmp_path, project))
    assert (made.verdict, made.subject) == ("attest", "secret:API_TOKEN")


def test_verify_names_the_first_break_and_ends_with_3(run: Run, project: Path) -> None:
    """An edited entry is named; nothing reads as good."""
    run("snapshot", "--writer", "ci")
    run("snapshot", "--writer", "ci")
    chain = project / ".audit/ledger/ci.jsonl"
    chain.write_text(chain.read_text().replace("backend", "bakcend", 1))
    for path in (project, chain.parent, chain):
        result = run("verify", str(path), where=False, code=3)
        assert result.stderr.splitlines()[0] == "ledger ci#1: was edited: hash mismatch"
        assert result.stdout == ""


def report(folder: Path, record: str = "") -> Path:
    """A report of a page, perhaps a report.json, and its manifest."""
    folder.mkdir()
    files = {"report.html": "report"} | ({"report.json": record} if record else {})
    for name, text in files.items():
        (folder / name).write_text(text)
    digests = {name: sha256(text.encode()).hexdigest() for name, text in files.items()}
    (folder / "MANIFEST.json").write_text(json.dumps({"files": digests}))
    return folder


def test_a_signed_report_verifies(run: Run, project: Path, tmp_path: Path) -> None:
    """The manifest's digest is in the ledger, `verify` finds it there, and SIGNED.md is a copy of it."""
    run("snapshot", "--writer", "ci")
    folder = report(tmp_path / "report")
    verified = run("verify", str(folder), "--ledger", str(project), where=False).stdout
    assert "nobody has signed" in verified
    signed = run("sign", str(folder), "--by", "Ada", "--role", "approved", "--writer", "ci").stdout
    assert "keep this elsewhere" in signed
    said = run("verify", str(folder), "--ledger", str(project), where=False).stdout
    assert "report: signed by Ada as approved, " in said
    copy = (folder / "SIGNED.md").read_text()
    assert "| Ada | approved | " in copy
    assert re.search(r"\| not known \| audit_lib \S+, Python 3\.\S+ \|  \| ledger ci#2 \|", copy)
    (folder / "SIGNED.md").write_text(copy.replace("Ada", "Eve"))
    refused = run("verify", str(folder), "--ledger", str(project), where=False, code=3).stderr
    assert "SIGNED.md: is not what the ledger holds" in refused


def test_a_report_of_another_key_is_neither_replaced_nor_signed(run: Run, tmp_path: Path) -> None:
    """Two projects whose folders are called alike do not overwrite or sign each other's report."""
    run("snapshot", "--writer", "ci")
    folder = report(tmp_path / "report")
    manifest = json.loads((folder / "MANIFEST.json").read_text())
    (folder / "MANIFEST.json").write_text(json.dumps(manifest | {"key": {"key_id": "0" * 8}}))
    for words in (("review", "--out", str(folder)), ("sign", str(folder), "--by", "Ada")):
        assert "made under another key" in run(*words, code=2).stderr
    assert (folder / "report.html").read_text() == "report"


def test_a_signature_stands_alone(run: Run, project: Path, tmp_path: Path) -> None:
    """Nobody signs a report twice as the same, who signs in two roles is named, and the next review does not
    replace it."""
    run("snapshot", "--writer", "ci")
    folder = report(tmp_path / "report")
    run("sign", str(folder), "--by", "Ada", "--writer", "ci")
    refused = run("sign", str(folder), "--by", "Ada", code=2).stderr
    assert "was signed by Ada as reviewed already (ledger ci#2)" in refused
    run("sign", str(folder), "--by", "Bo", "--writer", "bo")
    twice = run("sign", str(folder), "--by", "Ada", "--role", "approved", "--writer", "ci").stderr
    said = run("verify", str(folder), "--ledger", str(project), where=False).stdout
    for text in (twice, said):
        assert "one person in 2 roles: Ada signed as approved and as reviewed" in text
    refused = run("review", "--out", str(folder), code=2).stderr
    assert "holds a report that was signed: name another folder" in refused
    assert (folder / "report.html").read_text() == "report"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            lambda folder: (folder / "report.html").write_text("other"),
            "report.html: does not match",
        ),
        (lambda folder: (folder / "report.html").unlink(), "report.html: is in the manifest but not"),
        (lambda folder: (folder / "more.txt").write_text("x"), "more.txt: is not in the manifest"),
        (lambda folder: (folder / "MANIFEST.json").write_text("[]"), "is not a manifest of this tool"),
    ],
)
def test_a_changed_report_neither_verifies_nor_is_signed(
    run: Run, tmp_path: Path, change, fault: str
) -> None:
    """A file more, less or other is named."""
    folder = report(tmp_path / "report")
    change(folder)
    assert fault in run("verify", str(folder), where=False, code=3).stderr
    assert fault in run("sign", str(folder), code=2).stderr


def test_a_changed_key_is_bridged(run: Run, project: Path, tmp_path: Path) -> None:
    """Old entries stay vouched for, and each value at hand is linked to its new fingerprint."""
    run("snapshot", "--writer", "ci")
    run("rotate", "key", "--writer", "ci")
    ledger = entries(tmp_path, project)
    first, bridge, again = ledger.entries
    assert ledger.faults == ()
    assert (first.key_id, bridge.body["lost"]) == (bridge.body["from_key_id"], False)
    pairs = zip(first.body["secrets"], again.body["secrets"], strict=True)
    assert bridge.body["links"] == {old["fingerprint"]: new["fingerprint"] for old, new in pairs}
    assert "2 MACs valid" in run("verify", str(project), where=False).stdout


def test_a_snapshot_names_its_configuration(run: Run, project: Path) -> None:
    """The digest of audit.toml is in the entry, so that a change of it shows."""
    run("snapshot", "--writer", "ci")
    (project / "audit.toml").write_text(AUDIT + "# changed\n")
    run("snapshot", "--writer", "ci")
    lines = (project / ".audit" / "ledger" / "ci.jsonl").read_text().splitlines()
    first, second = (json.loads(line)["body"]["configuration"] for line in lines)
    assert second["audit_toml"] == sha256((project / "audit.toml").read_bytes()).hexdigest()
    assert first["audit_toml"] != second["audit_toml"]

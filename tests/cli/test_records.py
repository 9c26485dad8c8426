"""The commands that write and check the ledger, on a small project."""

import json
import os
import re
import shlex
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from audit_lib.__main__ import main
from audit_lib.base.clock import iso
from audit_lib.ledger import Ledger, read_ledger
from audit_lib.ledger.keys import key_of
from audit_lib.report.record import report_record
from audit_lib.report.tables import to_json
from audit_lib.rotation.rotations import revocations
from audit_lib.settings import load_project
from tests.support.audits import run_audit
from tests.support.fakes import fake_value
from tests.support.one_file import one_file

Run = Callable[..., Result]
RULE = '[[secret]]\nname = "{}"\nservice = "backend"\nrequired = "always"\nmax_age_days = 90\n'
POLICY = f"""
name = "small"
{RULE.format("API_TOKEN")}{RULE.format("DATABASE_URL")}component = "password"
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
WRITERS = ("snapshot", "record", "sign", "rotate key", "decide a", "decide c")  # commands that write an entry


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two secrets in one env file, and a key file of the test's own."""
    monkeypatch.setenv("AUDIT_KEY_FILE", str(tmp_path / "home" / "key"))
    root = tmp_path / "project"
    (root / "backend").mkdir(parents=True)
    (root / "audit.toml").write_text(one_file(AUDIT, POLICY))
    (root / "staging.env").write_text(f"API_TOKEN={fake_value('staging')}\n")
    write_env(root, 1)
    return root


def write_env(root: Path, version: int) -> None:
    """Put values of a version into the env file."""
    values = (fake_value(("token", version)), fake_value(("password", version), 24))
    text = f"API_TOKEN={values[0]}\nDATABASE_URL=postgresql://app:{values[1]}@db/app\n"
    (root / "backend" / ".env").write_text(text)


@pytest.fixture
def run(project: Path) -> Run:
    """Run a command line on the project, by the writer `ci` unless it names another."""

    def command(line: str, code: int = 0) -> Result:
        words = shlex.split(line.format(project=project, report=project.parent / "report"))
        words += ["--project", str(project)] if words[0] != "verify" else []
        writes = line.startswith(WRITERS) and "--writer" not in words
        result = CliRunner().invoke(main, [*words, *(["--writer", "ci"] if writes else [])])
        assert result.exit_code == code, result.output
        return result

    return command


def entries(project: Path) -> Ledger:
    """The project's ledger, held against the key."""
    return read_ledger(project / ".audit" / "ledger", key_of(load_project(project)))


def token_of(entry) -> str:
    """The fingerprint of API_TOKEN in a snapshot."""
    return next(row["fingerprint"] for row in entry.body["secrets"] if row["secret"] == "API_TOKEN")


def report(folder: Path, record: str = "") -> Path:
    """A report of a page, perhaps a report.json, and its manifest."""
    folder.mkdir()
    files = {"report.html": "report"} | ({"report.json": record} if record else {})
    for name, text in files.items():
        (folder / name).write_text(text)
    digests = {name: sha256(text.encode()).hexdigest() for name, text in files.items()}
    (folder / "MANIFEST.json").write_text(json.dumps({"files": digests}))
    return folder


def of_other_key(root: Path) -> None:
    """Let the report's manifest name a key that is not here."""
    path = root.parent / "report" / "MANIFEST.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"key": {"key_id": "0" * 8}}))


FINDING = "tracked-env-file:env-file:production/backend"
SLIP = FINDING.replace("file:", "fil:", 1)
RECORD, REVOKED = "record API_TOKEN --environment prod", "record API_TOKEN --environment prod --revoked"
ACCEPT = f"decide accept {FINDING} --by Ada --reason known --until 2099-01-01"
ATTEST = "decide attest {} --by Ada --reason looked --until {}"
ASSIGN = f"decide assign {FINDING} --owner Ada --due 2099-01-01 --ticket OPS-7 --by Bo"
CLOSE = f"decide close {FINDING} --proof 'commit 7' --by Ada"
SOON = f"{datetime.now(UTC) + timedelta(days=80):%Y-%m-%d}"
SIGNED, VERIFY = "sign {report} --by Ada", "verify {report} --ledger {project}"
TWICE = "one person in 2 roles: Ada signed as approved and as reviewed"

# By what they show the steps of a scene: what is done to the project, or a command, its exit code and a text
# that it prints; one that begins with "!" is not printed. A snapshot comes first, unless a scene begins with
# one or with what is done to the project.
SCENES = {
    "a record of a value that did not change needs a date; a change that was seen awaits its record": [
        ("snapshot", 0, "keep a copy"),
        (RECORD, 2, "--at: is needed: ledger ci#1 saw this value at"),
        partial(write_env, version=2),
        ("snapshot", 0, "!keep a copy"),
        (RECORD, 0, "rotated by 20"),
        (RECORD, 2, "nothing shows a rotation since"),
    ],
    "a creation date is a claim in a name, of a value that is at hand": [
        (f"{RECORD} --created-at 2026-01-02", 2, "--source: is required"),
        (
            f"{RECORD} --created-at 2026-01-02 --source Stripe",
            0,
            "created 2026-01-02T00:00:00Z by Stripe: a claim",
        ),
    ],
    "a snapshot that lacks a place is refused, with --fewer it is recorded": [
        ("snapshot --env staging/backend={project}/staging.env", 0, ""),
        ("snapshot", 2, "no value of staging/backend was seen, and ledger ci#1 saw some"),
        ("snapshot --fewer", 0, "ci#2"),
        ("snapshot", 0, "ci#3"),
    ],
    "a snapshot of no value is most likely one of the wrong place": [
        lambda root: (root / "backend/.env").write_text("API_TOKEN=\n"),
        *(
            (f"snapshot {more}", 2, "not one value")
            for more in ("", "--fewer", "--env production/backend=environ")
        ),
    ],
    "a value that is not known is not recorded as revoked": [
        (f"{REVOKED} previous", 2, "no value before the current one"),
        lambda root: (root / "backend/.env").unlink(),
        *((f"{REVOKED} {which}", 2, "supply it with --env") for which in ("current", "previous")),
    ],
    "the ledger verifies with the key and without it; a snapshot needs it": [
        (ACCEPT, 0, f"accept {FINDING} until 2099-01-01T23:59:59Z"),
        (ATTEST.format("142", "2099-01-01"), 0, "attest 142 until"),
        ("verify {project}", 0, "3 entries: links are intact, 3 MACs valid"),
        lambda root: (root.parent / "home" / "key").unlink(),
        ("verify {project}", 0, "MACs were not checked"),
        ("snapshot", 2, "was written under key"),
    ],
    "open questions are those that nobody answers for": [
        ("decide list", 0, "141: Is it paper?\n142: Is two-factor authentication on?\n"),
        (ATTEST.format("142", "2099-01-01"), 0, ""),
        ("decide list", 0, "!142: Is two"),
        ("decide list", 0, "141: Is it paper?"),
        (ATTEST.format("141 --no", "2099-01-01"), 0, "deny 141"),
        ("decide list", 0, "!Is it paper?"),
    ],
    "an owner confirms a secret for a quarter, and no other one": [
        (ATTEST.format("secret:API_TOKEN", "2099-01-01"), 2, "is over 92 days from now"),
        (ATTEST.format("secret:NO_SUCH", SOON), 2, "RULE: must be one"),
        (ATTEST.format("secret:API_TOKEN", SOON), 0, "ledger ci#2: attest secret:API_TOKEN until"),
    ],
    "an edited entry is named, and nothing reads as good": [
        ("snapshot", 0, ""),
        ("snapshot", 0, ""),
        lambda root: edit(root / ".audit/ledger/ci.jsonl", "backend", "bakcend"),
        *(
            ("verify {project}" + path, 3, "ledger ci#1: was edited: hash mismatch\n")
            for path in ("", "/.audit/ledger", "/.audit/ledger/ci.jsonl")
        ),
        ("verify {project}", 3, "!links are intact"),
    ],
    "a signed report verifies; SIGNED.md is a copy of the ledger": [
        (VERIFY, 0, "nobody has signed"),
        (f"{SIGNED} --role approved", 0, "keep this elsewhere"),
        (VERIFY, 0, "report: signed by Ada as approved, "),
        lambda root: edit(root.parent / "report" / "SIGNED.md", "Ada", "Eve"),
        (VERIFY, 3, "SIGNED.md: is not what the ledger holds"),
    ],
    "a signed report is not replaced, nor signed twice as the same; one person in two roles is named": [
        (SIGNED, 0, ""),
        (SIGNED, 2, "was signed by Ada as reviewed already (ledger ci#2)"),
        ("sign {report} --by Bo --writer bo", 0, ""),
        (f"{SIGNED} --role approved", 0, TWICE),
        (VERIFY, 0, TWICE),
        ("review --out {report}", 2, "holds a report that was signed: name another folder"),
    ],
    "a report of another key is neither replaced nor signed": [
        ("snapshot", 0, ""),
        of_other_key,
        ("review --out {report}", 2, "made under another key"),
        (SIGNED, 2, "made under another key"),
    ],
}


def edit(path: Path, old: str, new: str) -> None:
    """Replace the first place of a text in a file."""
    path.write_text(path.read_text().replace(old, new, 1))


@pytest.mark.parametrize("scene", SCENES)
def test_a_scene(run: Run, project: Path, scene: str) -> None:
    """Each command ends and says as it should, after all that went before; a report that is there is kept."""
    page, steps = report(project.parent / "report") / "report.html", SCENES[scene]
    if not callable(steps[0]) and not steps[0][0].startswith("snapshot"):
        run("snapshot")
    for step in steps:
        if callable(step):
            step(project)
            continue
        line, code, text = step
        output = run(line, code).output
        assert (text.removeprefix("!") in output) is not text.startswith("!"), output
    assert page.read_text() == "report"


def test_a_snapshot_records_no_value(run: Run, project: Path) -> None:
    """The entry holds fingerprints, places, and the digest of audit.toml, so that a change of it shows."""
    first = run("snapshot")
    assert re.match(r"ledger ci#1: 2 values in 1 place seen at 20", first.stdout)
    edit(project / "audit.toml", "[[env]]", "# changed\n[[env]]")
    run("snapshot")
    before, after = entries(project).of_kind("snapshot")
    place = {"environment": "production", "service": "backend", "source": "backend/.env"}
    assert before.body["places"] == [place | {"complete": True}]
    digests = [entry.body["configuration"]["audit_toml"] for entry in (before, after)]
    assert digests[0] != digests[1] == sha256((project / "audit.toml").read_bytes()).hexdigest()
    text = (project / ".audit/ledger/ci.jsonl").read_text() + first.output
    assert not [
        value for value in (fake_value(("token", 1)), fake_value(("password", 1), 24)) if value in text
    ]


def test_a_rotation_is_recorded_with_the_value_in_place(run: Run, project: Path) -> None:
    """The claim and the fingerprint stand in one entry; aliases of environments are known."""
    run("snapshot")
    write_env(project, 2)
    run(f"{RECORD} --at 2026-09-30 --by Ada")
    run("snapshot")
    before, rotation, after = entries(project).entries
    assert rotation.body["fingerprint"] == token_of(after) != token_of(before)
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
    run("snapshot")
    assert f"rotated {instant}" in run(f"{RECORD} --at '{claimed}'").stdout


def test_two_values_in_one_place_are_told_apart(run: Run, project: Path) -> None:
    """Each file's value has an age of its own and was not rotated back; that there are two is a finding."""
    one = AUDIT[AUDIT.index("[[env]]") :]
    (project / "audit.toml").write_text(AUDIT.replace(".env", ".env.shared", 1) + one)
    for version in (8, 9):
        write_env(project, version)
        (project / "backend" / ".env").rename(project / "backend" / ".env.shared")
        write_env(project, 1)
        run("snapshot")
    audit = run_audit(load_project(project), "2026Q3", "2099-01-01")
    tokens = audit.ages.query("secret == 'API_TOKEN' and environment == 'production'")
    assert tokens["service"].tolist() == ["backend", "backend (backend/.env.shared)"]
    assert not tokens["rotated_back"].any()
    assert tokens["unrecorded_rotation"].tolist() == [False, True]
    found = set(audit.findings["id"])
    assert "two-values-in-one-place:API_TOKEN:production/backend-backend/.env.shared" in found
    assert not any("rotated-back" in one for one in found)


def test_an_old_value_is_not_fresh_after_a_snapshot_of_another_folder(run: Run, project: Path) -> None:
    """The other folder's value looks like a rotation since; the file, older than that, speaks against it."""
    ledger, env = project.parent / "ledger", project / "backend" / ".env"
    for version in (2, 1):
        write_env(project, version)
        os.utime(env, (1_600_000_000, 1_600_000_000))
        run(f"snapshot --ledger {ledger}")
    ages = run_audit(load_project(project, ledger), as_of=iso(datetime.now(UTC))).ages
    held = ages[ages["environment"].eq("production")]
    assert (set(held["status"]), held["conflict"].all()) == ({"unknown"}, True)


def test_a_revocation_names_the_value_that_was_revoked(run: Run, project: Path) -> None:
    """The one in place, or the last other one, also across a change of the key: who, when, what proof."""
    run("snapshot")
    write_env(project, 2)
    run("snapshot")
    run("rotate key")
    said = run(f"{REVOKED} current --at 2026-09-30 --by Ada --proof 'it answers 401'").stdout
    assert "the current value of API_TOKEN in production/backend, revoked 2026-09-30" in said
    assert "no provider was asked" in said
    write_env(project, 3)
    run("snapshot")
    run(f"{REVOKED} previous")
    ledger = entries(project)
    second = token_of(ledger.of_kind("snapshot")[2])
    first, again = revocations(ledger)
    assert (first.fingerprint, again.fingerprint) == (second, second)
    assert (f"{first.claimed_at:%Y-%m-%d}", first.by, first.proof) == ("2026-09-30", "Ada", "it answers 401")
    assert "the provider was not asked" in first.said


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (RECORD, "key: does not exist yet"),
        ("record API_TOKEN --environment moon", "--environment: must be one of"),
        ("record NOTHING --environment prod", "SECRET: is not known in production"),
        (f"{RECORD} --at 2999-01-01", "--at: is in the future"),
        (f"{RECORD} --at soon", "--at: must be a date"),
        (ACCEPT.replace("2099", "2020"), "--until: is in the past"),
        (ACCEPT.replace(FINDING, SLIP), "did you mean tracked-env-file:env-file"),
        (ACCEPT.replace(FINDING, "weak-value"), "ID: is the id of no finding"),
        (ATTEST.format("999", "2099-01-01"), "RULE: must be one that the policy asks"),
        (ASSIGN.replace(FINDING, SLIP), "did you mean tracked-env-file:env-file"),
        (ASSIGN.replace("2099", "2020"), "--due: is in the past"),
        (CLOSE.replace(FINDING, "weak-value"), "ID: is the id of no finding"),
        (CLOSE, "key: does not exist yet"),
        ("snapshot --env production", "--env"),
    ],
)
def test_bad_input_is_one_line(run: Run, line: str, fault: str) -> None:
    """Place, then fault, on stderr; exit code 2."""
    result = run(line, 2)
    assert fault in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_findings_are_assigned_and_closed(run: Run, project: Path) -> None:
    """Both are entries under the key, `decide list` has them, and nobody says the same of one twice."""
    run("snapshot")
    assert "ledger ci#2: " in run(ASSIGN).stdout
    assert "ID: has this decision already (ledger ci#2)" in run(ASSIGN, 2).stderr
    assert "the next review decides" in run(CLOSE).stdout
    assert "ID: has this decision already (ledger ci#3)" in run(CLOSE, 2).stderr
    run(f"decide assign {FINDING} --owner Cy")
    owned = {"reason": "", "owner": "Ada", "ticket": "OPS-7", "until": "2099-01-01T23:59:59Z", "by": "Bo"}
    assert [entry.body for entry in entries(project).of_kind("decision")][:2] == [
        {"subject": FINDING, "verdict": "assign", **owned},
        {"subject": FINDING, "verdict": "close", "reason": "commit 7", "by": "Ada"},
    ]
    shown = run("decide list")
    verdicts = [line.split("  ")[2].split(" ")[0] for line in shown.stdout.splitlines()[:3]]
    assert verdicts == ["assign", "close", "assign"]
    assert "Ada 2099-01-01T23:59:59Z; by: Bo; ticket: OPS-7  (ledger ci#2)" in shown.stdout
    assert "3 entries shown, 1 of snapshots" in shown.stderr
    assert len(run(f"decide list {FINDING}").stdout.splitlines()) == 3
    assert run("decide list weak-value:OTHER").stdout == ""


def test_a_closed_finding_that_is_there_is_contradicted(run: Run, project: Path) -> None:
    """The record lowers nothing: the finding stays open, and its row says who called it closed."""
    run("snapshot")
    more = '[[secret]]\nname = "JWT_KEY"\nservice = "backend"\nrequired = "always"\n'
    (project / "audit.toml").write_text(one_file(AUDIT, POLICY + more))
    run(CLOSE.replace(FINDING, "missing-secret:JWT_KEY:production/backend"))
    found = run_audit(load_project(project), "2099Q1", "2099-04-01").findings.set_index("check")
    closed = found.loc["missing-secret", ["status", "closed_by"]]
    assert closed.tolist() == ["open", "Ada (ledger ci#2)"]


def test_a_sign_off_keeps_what_the_review_judged_by(run: Run, project: Path) -> None:
    """The next review compares itself with it, if nobody kept the report; SIGNED.md has a row of it."""
    run("snapshot")
    first = run_audit(load_project(project), "2026Q3", "2026-09-30")
    folder = report(project.parent / "report", to_json(report_record(first)))
    run(SIGNED)
    row = r"\| Ada \| reviewed \| .* \| \d+ \| audit_lib \S+, Python 3\.\S+ \|  \| ledger ci#2 \|"
    assert re.search(row, (folder / "SIGNED.md").read_text())
    longer = POLICY.replace("max_age_days = 90", "max_age_days = 900", 1)
    (project / "audit.toml").write_text(one_file(AUDIT, longer))
    later = run_audit(load_project(project), "2099Q1", "2099-04-01")
    (changed,) = later.findings.loc[later.findings["check"].eq("settings-changed"), "evidence"]
    assert "API_TOKEN" in changed
    assert "900" in changed
    assert later.findings["opened_in"].eq("2026Q3").any()
    assert later.settings_changes["since"].str.contains("ledger ci#2", regex=False).all()


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("report.html", "other", "report.html: does not match"),
        ("report.html", None, "report.html: is in the manifest but not"),
        ("more.txt", "x", "more.txt: is not in the manifest"),
        ("MANIFEST.json", "[]", "is not a manifest of this tool"),
    ],
)
def test_a_changed_report_neither_verifies_nor_is_signed(
    run: Run, project: Path, name: str, content: str | None, fault: str
) -> None:
    """A file more, less or other is named."""
    path = report(project.parent / "report") / name
    path.unlink() if content is None else path.write_text(content)
    assert fault in run("verify {report}", 3).stderr
    assert fault in run("sign {report}", 2).stderr


def test_a_changed_key_is_bridged(run: Run, project: Path) -> None:
    """Old entries stay vouched for, and each value at hand is linked to its new fingerprint."""
    run("snapshot")
    run("rotate key")
    ledger = entries(project)
    first, bridge, again = ledger.entries
    assert ledger.faults == ()
    assert (first.key_id, bridge.body["lost"]) == (bridge.body["from_key_id"], False)
    pairs = zip(first.body["secrets"], again.body["secrets"], strict=True)
    assert bridge.body["links"] == {old["fingerprint"]: new["fingerprint"] for old, new in pairs}
    assert "2 MACs valid" in run("verify {project}").stdout

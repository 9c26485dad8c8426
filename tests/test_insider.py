"""Who may commit to the audited project can neither sign its ledger, nor stop its clock, nor cut a chain."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from audit_lib.audit import Audit
from audit_lib.base.errors import BadInput
from audit_lib.cli.decisions import report_faults
from audit_lib.ledger import Draft, append, write_entry
from audit_lib.ledger.keys import demo_key, key_of
from audit_lib.report.judge import not_seen
from audit_lib.report.record import report_record
from audit_lib.report.tables import to_json
from audit_lib.secrecy.keeper import MANIFEST, Key, signed
from audit_lib.settings import choose_policy, load_project
from audit_lib.settings.load import dump
from tests.support.audits import run_audit
from tests.support.fakes import fake_value
from tests.support.sample_copy import write_sample

NOW = datetime(2026, 9, 30, tzinfo=UTC)
AUDIT = 'name = "shop"\nextends = "paiid"\n'
AUDIT += '[[env]]\nenvironment = "production"\nservice = "backend"\npath = "backend/.env"\n'


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reviewer's key, which the first project makes."""
    return tmp_path_factory.mktemp("reviewer") / "key"


@pytest.fixture
def first(key_file: Path, project: Path, tmp_path: Path) -> Path:
    """The report.json of the project's first review; the review itself is one for all tests."""
    kept = key_file.parent / "report"
    if not kept.exists():
        _published(_audit(project), kept)
    return Path(shutil.copytree(kept, tmp_path / "first")) / "report.json"


@pytest.fixture
def project(tmp_path: Path, key_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that its reviewer has looked at before, under a key of one's own."""
    monkeypatch.setenv("AUDIT_KEY_FILE", str(key_file))
    root = tmp_path / "shop"
    (root / "backend").mkdir(parents=True)
    (root / "audit.toml").write_text(AUDIT)
    names = ("API_TOKEN", "JWT_SECRET_KEY")
    (root / "backend" / ".env").write_text("".join(f"{name}={fake_value(name)}\n" for name in names))
    opened = load_project(root)
    draft = Draft("attestation", {"rule": "142", "by": "Ada", "reason": "x", "until": "2026-12-31T00:00:00Z"})
    write_entry(opened.ledger_dir, key_of(opened, make=True), draft, NOW - timedelta(days=9), "ada")
    return root


def _audit(root: Path, **given: Path) -> Audit:
    return run_audit(load_project(root), "2026Q3", "2026-09-30", **given)


def _open(audit: Audit) -> set[str]:
    findings = audit.findings
    return set(findings.loc[findings["status"].eq("open"), "id"])


@pytest.mark.parametrize("key", [demo_key(), Key(b"7" * 32, "file")], ids=["public", "their own"])
def test_forged_acceptances_accept_nothing(project: Path, first: Path, key: Key) -> None:
    """Entries count only under the reviewer's key; the others are faults, and everything stays open."""
    before = {row["id"] for row in json.loads(first.read_text())["findings"] if row["status"] == "open"}
    assert before
    fine = {"by": "owner", "reason": "fine", "until": "2030-01-01T00:00:00Z"}
    for id_ in sorted(before):
        draft = Draft("acceptance", {"id": id_, **fine})
        append(project / ".audit" / "ledger", key, draft, NOW, "mallory")
    after = _audit(project)
    assert before < _open(after)
    assert _open(after) - before == {"ledger-fault:ledger"}
    assert after.keeper.key.origin == "file"


@pytest.mark.parametrize("line", ['key = "demo"\n', 'key = "demo"\npinned_as_of = "2026-01-31"\n'])
def test_a_project_is_no_sample_by_its_own_word(project: Path, tmp_path: Path, line: str) -> None:
    """The public key and a pinned date are refused by name in any project but a sample written here: what is
    remembered is one folder, and another one at its place is none."""
    sample = write_sample(tmp_path / "sample")
    assert key_of(load_project(sample)).origin == "demo"
    shutil.rmtree(sample)
    shutil.copytree(project, sample)
    for folder in (project, sample):
        (folder / "audit.toml").write_text(line + AUDIT)
        with pytest.raises(BadInput, match="are for a sample that"):
            load_project(folder)


def _published(audit: Audit, folder: Path) -> Path:
    folder.mkdir()
    text = to_json(report_record(audit))
    (folder / "report.json").write_text(text)
    files = {"report.json": sha256(text.encode()).hexdigest()}
    said = {"key": {"key_id": audit.keeper.key.key_id}, "files": files}
    (folder / MANIFEST).write_text(to_json(signed(said, key_of(audit.project))))
    return folder / "report.json"


def test_a_chain_that_is_gone_is_missed(
    project: Path, first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deleted chain is a critical finding on the machine that wrote to it; on another machine, which never
    wrote to the ledger, the last report says how far it went."""
    (project / ".audit" / "ledger" / "ada.jsonl").unlink()
    lost = _audit(project).findings.set_index("id").loc["ledger-fault:ledger:lost"]
    assert lost["severity"] == "critical"
    assert "ledger ada" in lost["evidence"]
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another machine"))
    assert lost.name not in _open(_audit(project))
    assert lost.name in _open(_audit(project, previous=first))


def test_a_changed_setting_is_a_finding_until_it_is_signed(project: Path) -> None:
    """What an insider edits is open in each review until somebody signs for it, or it is restored."""

    def sign() -> None:
        now = load_project(project)
        body = {"by": "Bo", "as_of": "2026-06-30T00:00:00Z", "manifest_sha256": "0" * 64, "heads": {}}
        draft = Draft("signoff", body | {"in_force": list(dump(choose_policy(now), now))})
        append(now.ledger_dir, key_of(now), draft, datetime(2026, 7, 1, tzinfo=UTC), "bo")

    sign()
    assert not _changed(project)
    text = (project / "audit.toml").read_text()
    weaker = text.replace('environment = "production"', "example = true")
    (project / "audit.toml").write_text(weaker)
    (id_,) = _changed(project)
    assert id_ in _open(run_audit(load_project(project), "2026Q4", "2026-12-31"))
    (project / "audit.toml").write_text("warn_days = 0\n" + weaker)
    assert _changed(project) not in ([], [id_])  # an acceptance of the first change covers no second one
    (project / "audit.toml").write_text(text)
    assert not _changed(project)
    (project / "audit.toml").write_text(weaker)
    sign()
    assert not _changed(project)


def _changed(project: Path) -> list[str]:
    return [id_ for id_ in _open(_audit(project)) if id_.startswith("settings-changed")]


def test_an_edited_previous_report_is_refused(project: Path, first: Path) -> None:
    """A changed report is not the one that its manifest names; a changed manifest is not signed."""
    whole = first.read_text()
    assert set(_audit(project, previous=first).changes["change"]) == {"same"}
    first.write_text(whole.replace('"fail"', '"pass"'))
    with pytest.raises(BadInput, match="was edited: it is not the file"):
        _ = _audit(project, previous=first).changes
    manifest = json.loads((first.parent / MANIFEST).read_text())
    manifest["files"]["report.json"] = sha256(first.read_bytes()).hexdigest()
    (first.parent / MANIFEST).write_text(to_json(manifest))
    with pytest.raises(BadInput, match="its signature does not hold"):
        _ = _audit(project, previous=first).changes
    assert [fault.text.split(":")[0] for fault in report_faults(first.parent)] == ["was edited"]


@pytest.mark.parametrize("manifest", ["deleted", "of another key", "of no key"])
def test_a_previous_report_that_does_not_verify_compares_nothing(
    project: Path, first: Path, manifest: str
) -> None:
    """If the manifest beside it proves nothing, changes of settings are not known, which a finding says."""
    text = (project / "audit.toml").read_text()
    (project / "audit.toml").write_text(text.replace('environment = "production"', "example = true"))
    report = json.loads(first.read_text())
    report["settings"] |= {"in_force": list(_audit(project).settings)}
    first.write_text(to_json(report))
    said = {"files": {"report.json": sha256(first.read_bytes()).hexdigest()}}
    theirs = Key(b"7" * 32, "file") if manifest == "of another key" else Key.throw_away()
    (first.parent / MANIFEST).write_text(to_json(signed(said, theirs)))
    if manifest == "deleted":
        (first.parent / MANIFEST).unlink()
    audit = _audit(project, previous=first)
    said = audit.findings.set_index("id").loc["settings-changed:settings"]
    assert said["status"] == "unknown"
    assert "the previous report" in said["evidence"]
    assert [need for need in not_seen(audit) if "settings_changes" in need.tables]

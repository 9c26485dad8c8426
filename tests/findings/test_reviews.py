"""What a review before this one shows, how the settings changed since, and which documents are applied."""

import json
import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from audit_lib.base.errors import BadInput
from audit_lib.findings.documents import OTHER_GUIDE, document_sources
from audit_lib.findings.reviews import LastReview, kept, last_signed, read_previous, tabulate_settings_changes
from audit_lib.ledger import Entry, Ledger
from audit_lib.secrecy.keeper import Key, signed
from audit_lib.settings import Project, bundled_policy, choose_policy, load_project
from audit_lib.settings.load import dump

CASES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
AT = datetime(2026, 6, 30, tzinfo=UTC)
KEY = Key.throw_away()
ROW = {"id": "a:b", "check": "a", "severity": "high", "status": "open"}
ROW |= {"covers": [["b", "production", "backend"]]}
REPORT = {
    "schema": "audit_lib/report/9", "project": "app", "quarter": "2026Q2", "as_of": "2026-06-30T00:00:00Z",
    "ledger": {"ada": "1:" + "0" * 64}, "settings": {"in_force": ["secret A: declared"]}, "findings": [ROW],
    "not_ended": [ROW | {"id": "a:c", "status": "unknown", "opened_at": "2026-01-01", "opened_in": "2025Q4"}],
}  # fmt: skip


def _written(folder: Path, report: dict[str, Any], *, manifest: bool = True, key: Key = KEY) -> Path:
    path = folder / "report.json"
    path.write_text(json.dumps(report))
    files = {"report.json": sha256(path.read_bytes()).hexdigest()}
    document = signed({"files": files}, replace(key, origin="file"))
    if manifest:
        (folder / "MANIFEST.json").write_text(json.dumps(document))
    return path


def test_a_previous_report_is_read(tmp_path: Path) -> None:
    """Its findings, and those of which it did not know if they ended, with the review that opened each."""
    previous = read_previous(_written(tmp_path, REPORT), "app", KEY)
    assert set(previous.findings) == {"a:b", "a:c"}
    assert previous.findings["a:b"]["covers"][0].environment == "production"
    assert (previous.opened["a:b"].place, previous.opened["a:c"].place) == ("2026Q2", "2025Q4")
    assert (previous.as_of, previous.doubt) == (AT, "")


@pytest.mark.parametrize(("change", "message"), CASES["unusable"])
def test_a_report_that_cannot_be_used_is_refused(tmp_path: Path, change: Any, message: str) -> None:
    """Another schema, project or row is bad input, by its place."""
    with pytest.raises(BadInput, match=message):
        read_previous(_written(tmp_path, REPORT | change), "app", KEY)


def test_an_edited_report_is_refused_and_an_unsigned_one_doubted(tmp_path: Path) -> None:
    """What its manifest does not name was edited; without the reviewer's signature it may have been."""
    path = _written(tmp_path, REPORT)
    path.write_text(json.dumps(REPORT | {"quarter": "2026Q1"}))
    with pytest.raises(BadInput, match="was edited"):
        read_previous(path, "app", KEY)
    assert "no MANIFEST.json" in _doubt(tmp_path / "none", manifest=False)
    assert "not signed" in _doubt(tmp_path / "other", key=Key.throw_away())
    manifest = json.loads((tmp_path / "MANIFEST.json").read_text())
    (tmp_path / "MANIFEST.json").write_text(json.dumps(manifest | {"more": 1}))
    path.write_text(json.dumps(REPORT))
    with pytest.raises(BadInput, match="signature does not hold"):
        read_previous(path, "app", KEY)


def _doubt(folder: Path, *, manifest: bool = True, key: Key = KEY) -> str:
    folder.mkdir()
    return read_previous(_written(folder, REPORT, manifest=manifest, key=key), "app", KEY).doubt


def test_a_sign_off_keeps_settings_and_openings() -> None:
    """The next review has them from the ledger; one of an earlier version knows no settings."""
    record = REPORT | {"findings": [ROW | {"opened_at": "2026-01-01T00:00:00Z", "opened_in": "2025Q4"}]}
    review = _signed(kept(record))
    assert (review.settings, review.opened["a:b"].place) == (("secret A: declared",), "2025Q4")
    assert _signed({"as_of": "2026-06-30T00:00:00Z", "rules": {}}).settings is None


def _signed(body: dict[str, Any]) -> LastReview:
    """The last review by a ledger with one sign-off."""
    entry = Entry(v=1, writer="bo", seq=1, at=AT, kind="signoff", key_id="0" * 8, body={"by": "Bo", **body})
    review = last_signed(Ledger((entry,)))
    assert review is not None
    return review


@pytest.fixture(name="project")
def _project(tmp_path: Path) -> Path:
    (tmp_path / "audit.toml").write_text(BASE + ENV)
    return tmp_path


def _changes(
    project: Path, toml: str = "", doubt: str = "", *, is_signed: bool = True
) -> dict[str, tuple[str, str]]:
    """By setting what it was and is, after audit.toml was changed since the signed review."""
    before = load_project(project)
    settings = list(dump(choose_policy(before), before))
    last = _signed({"as_of": "2026-06-30T00:00:00Z", "in_force": settings}) if is_signed else None
    if toml:
        (project / "audit.toml").write_text(toml)
    now = load_project(project)
    table = tabulate_settings_changes(now, choose_policy(now), last, doubt)
    assert table["digest"].nunique() <= 1
    return {row["setting"]: (row["was"], row["now"]) for row in table.to_dict("records")}


BASE = 'name = "app"\nextends = "paiid"\n'
SECRET = '[[secret]]\nname = "API_TOKEN"\nservice = "backend"\n'
ENV = '[[env]]\npath = ".env"\nenvironment = "production"\nservice = "web"\n'


@pytest.mark.parametrize(("toml", "setting"), CASES["weaker"])
def test_each_weakening_is_a_change(project: Path, toml: str, setting: str) -> None:
    """Whatever is dropped, relabelled or raised since the signed review is a line, whichever way it goes."""
    staging = ENV.replace("production", "staging")
    changes = _changes(project, toml.format(base=BASE, env=ENV, secret=SECRET, staging=staging))
    assert any(name.startswith(setting) for name in changes), changes
    assert all(was != now for was, now in changes.values())


def test_without_a_signed_review_places_are_not_known(project: Path) -> None:
    """The policy is held against the bundled one; where files were before, nothing shows. A doubt is said.
    After a signed review nothing is reported until something changes."""
    assert _changes(project) == {}
    unknown = ("not known", "not known")
    assert _changes(project, is_signed=False) == {"the place of a file": unknown}
    assert _changes(project, doubt="the previous report was not signed") == {"all settings": unknown}
    policy = replace(bundled_policy("paiid"), path=project / "audit.toml", extends="paiid", warn_days=0)
    table = tabulate_settings_changes(load_project(project), policy, None)
    assert table["setting"].tolist() == ["policy: warn_days", "the place of a file"]


TEXT = b"# Secrets\n\nRotate.\n"
SAME = (TEXT, TEXT.replace(b"\n", b"\r\n"), TEXT.rstrip(), b"")
CITED = dict.fromkeys(SAME, "") | {TEXT + b"More.\n": OTHER_GUIDE}


@pytest.mark.parametrize(("cited", "reason"), CITED.items())
def test_the_guide_is_held_against_the_policy(cited: bytes, reason: str, tmp_path: Path) -> None:
    """Another text is said, another end of line is none; a policy that cites no guide asks nothing."""
    (tmp_path / "guide.md").write_bytes(cited.replace(b"More.\n", b"Less.\n") or TEXT)
    policy = replace(bundled_policy("generic"), guide_sha256=sha256(TEXT).hexdigest() if cited else "")
    table = document_sources(Project("p", tmp_path, guide="guide.md"), policy, Ledger())
    guide = table[table["kind"].eq("guide")].iloc[0]
    assert (guide["state"], guide["reason"]) == ("read", reason)


def test_own_formats_and_the_ledger_are_documents(tmp_path: Path) -> None:
    """Own log formats are said with their size; entries after the review's date are counted, not used."""
    (tmp_path / "formats.toml").write_bytes(TEXT)
    project, policy = Project("p", tmp_path, guide="", formats="formats.toml"), bundled_policy("generic")
    entry = Entry(v=1, writer="bo", seq=1, at=AT, kind="snapshot", key_id="0" * 8, body={})
    states = [
        (Ledger(), ("missing", "has no entry before this review's date")),
        (Ledger((entry,)), ("read", "")),
        (Ledger(later=(entry,)), ("read", "1 entry dated after this review left out")),
    ]
    for ledger, expected in states:
        table = document_sources(project, policy, ledger).set_index("kind")
        assert tuple(table.loc["ledger", ["source", "state", "reason"]]) == (".audit/ledger", *expected)
        assert tuple(table.loc["log formats", ["state", "size_bytes"]]) == ("read", len(TEXT))

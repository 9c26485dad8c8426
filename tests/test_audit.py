"""One audit: its date, its quarter, the report before it, and its identifiers without a key."""

import tomllib
from pathlib import Path
from shutil import rmtree

import pytest

from audit_lib.base.errors import BadInput
from audit_lib.report.known_values import guard_values
from audit_lib.report.record import report_record
from audit_lib.report.tables import to_json
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.settings import Project, load_project
from tests.support.audits import run_audit
from tests.support.sample_copy import write_sample

CASES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project."""
    return load_project(tmp_path)


@pytest.mark.parametrize("text", CASES["no_reports"])
def test_a_previous_report_that_is_none_is_bad_input(project: Project, tmp_path: Path, text: str) -> None:
    """What is not a report.json of this tool is said in one line, place then fault."""
    (tmp_path / "report.json").write_text(text, "utf-8")
    with pytest.raises(BadInput, match=r"report\.json: "):
        _ = run_audit(project, "2026Q3", "2026-09-30", previous=tmp_path / "report.json").ledger


@pytest.mark.parametrize(("as_of", "quarter"), CASES["usual"])
def test_the_usual_quarter_is_the_last_one_over(project: Project, as_of: str, quarter: str) -> None:
    """Without a quarter the last one that is over is reviewed; its last day counts as over."""
    assert str(run_audit(project, "", as_of).quarter) == quarter


@pytest.mark.parametrize(("quarter", "as_of", "fault"), CASES["refused"])
def test_a_quarter_is_over_by_a_date_that_is_given(
    project: Project, quarter: str, as_of: str, fault: str
) -> None:
    """The library never reads the clock, and of what has not begun nothing can be said."""
    with pytest.raises(BadInput, match=fault):
        run_audit(project, quarter, as_of)


def test_an_empty_project_passes_nothing(project: Project) -> None:
    """Where nothing was read every finding is unknown, and there are some."""
    findings = run_audit(project, "2026Q3", "2026-09-30").findings
    assert set(findings["status"]) == {"unknown"}


def test_what_a_file_that_was_read_is_called_may_be_said(tmp_path: Path) -> None:
    """A setting that names such a file, or a folder of its path, is no secret: the report says it."""
    for path, text in CASES["named"].items():
        (file := tmp_path / "bookshelf-of-ann" / "app" / path).parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    classes = guard_values(run_audit(load_project(tmp_path / "bookshelf-of-ann/app"), "2026Q3", "2026-09-30"))
    assert (len(classes.open), len(classes.whole)) == (3, 0)


def test_two_runs_without_a_key_give_the_same_report(tmp_path: Path) -> None:
    """Each run has a throw-away key of its own; leaks, findings and all the rest of report.json are equal."""
    project, records = load_project(write_sample(tmp_path)), []
    rmtree(project.ledger_dir)
    for _ in range(2):
        audit = run_audit(project, keeper=Keeper(Key.throw_away()))
        records.append(report_record(audit))
        for source in records[-1]["sources"]:  # a digest of values is keyed, so that nobody can guess at them
            source.pop("keyed_digest", None)
    assert len(records[0]["leaks"]) > 5
    assert to_json(records[0]) == to_json(records[1])

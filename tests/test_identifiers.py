"""Identifiers name the same leak and finding in every run, with or without a key."""

import shutil
from pathlib import Path

from audit_lib.report.record import report_record, to_json
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.settings import load_project
from tests.support.audits import run_audit
from tests.support.sample_copy import write_sample


def test_two_runs_without_a_key_give_the_same_report(tmp_path: Path) -> None:
    """Each run has a throw-away key of its own; leaks, findings and all the rest of report.json are equal."""
    write_sample(tmp_path)
    shutil.rmtree(tmp_path / ".audit")
    project = load_project(tmp_path)
    first, second = (report_record(run_audit(project, keeper=Keeper(Key.throw_away()))) for _ in range(2))
    for record in (first, second):
        for source in record["sources"]:  # a digest of values is keyed, so that nobody can guess at them
            source.pop("keyed_digest", None)
    assert len(first["leaks"]) > 9
    assert [leak["leak_id"] for leak in first["leaks"]] == [leak["leak_id"] for leak in second["leaks"]]
    assert [row["id"] for row in first["findings"]] == [row["id"] for row in second["findings"]]
    assert to_json(first) == to_json(second)

"""A report as OSCAL assessment results: valid by models of NIST's schema, and no better than the report."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from oscal_bindings.v1.models import OscalDocument

from audit_lib.__main__ import main
from audit_lib.report.json_text import to_json
from audit_lib.report.oscal import assessment_results
from tests.support.paths import GOLDEN


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    """The published report of the sample."""
    loaded: dict[str, Any] = json.loads((GOLDEN / "report.json").read_text("utf-8"))
    return loaded


def _result(record: dict[str, Any]) -> dict[str, Any]:
    document = assessment_results(record)
    OscalDocument.model_validate(document)
    (result,) = document["assessment-results"]["results"]
    return dict(result)


def test_a_rule_is_satisfied_only_if_it_passed(record: dict[str, Any]) -> None:
    """Each rule is an observation; what is not known is not satisfied, what nobody decided is no finding."""
    result = _result(record)
    rules = {rule["rule"]: rule["verdict"] for rule in record["coverage"]["rules"]}
    assert [one["title"] for one in result["observations"]] == [f"Rule {number}" for number in rules]
    states = {one["title"].split()[1].rstrip(":"): one["target"]["status"] for one in result["findings"]}
    assert {number for number, state in states.items() if state["state"] == "satisfied"} == {
        number for number, verdict in rules.items() if verdict == "pass"
    }
    assert states.keys() == {
        number for number, verdict in rules.items() if verdict in ("pass", "fail", "unknown")
    }


def test_each_finding_is_a_risk_that_its_rules_name(record: dict[str, Any]) -> None:
    """Open, not known and accepted findings are risks, and each reference leads to one of the document."""
    result = _result(record)
    assert [one["statement"] for one in result["risks"]] == [one["remedy"] for one in record["findings"]]
    named = {one["risk-uuid"] for found in result["findings"] for one in found.get("related-risks", ())}
    assert named <= {one["uuid"] for one in result["risks"]}
    assert len(named) > 50
    seen = {one["uuid"] for one in result["observations"]}
    assert {
        one["observation-uuid"] for found in result["findings"] for one in found["related-observations"]
    } <= seen


def test_the_same_report_gives_the_same_identifiers(record: dict[str, Any]) -> None:
    """The same record gives the same bytes; another one shares no identifier with it."""
    other = copy.deepcopy(record) | {"as_of": "2026-09-30T23:59:58Z"}
    assert to_json(assessment_results(record)) == to_json(assessment_results(copy.deepcopy(record)))
    assert not _uuids(assessment_results(record)) & _uuids(assessment_results(other))


def _uuids(content: Any) -> set[str]:
    if isinstance(content, dict):
        own = {content["uuid"]} if "uuid" in content else set()
        return own.union(*map(_uuids, content.values()))
    return set().union(*map(_uuids, content)) if isinstance(content, list) else set()


def test_a_review_of_nothing_is_valid_too(record: dict[str, Any]) -> None:
    """A report without rules and findings gives a document that NIST's schema accepts."""
    bare = copy.deepcopy(record) | {"findings": []}
    bare["coverage"]["rules"] = []
    assert {"observations", "findings", "risks"}.isdisjoint(_result(bare))


def test_the_command_takes_a_folder_and_refuses_other_files(tmp_path: Path) -> None:
    """It writes the document of a published folder; a file of another kind is named, with exit code 2."""
    out = tmp_path / "oscal.json"
    done = CliRunner().invoke(main, ["oscal", str(GOLDEN), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "assessment-results" in json.loads(out.read_text("utf-8"))
    other = tmp_path / "report.json"
    other.write_text('{"schema": "audit_lib/report/1"}', "utf-8")
    refused = CliRunner().invoke(main, ["oscal", str(tmp_path)])
    assert (refused.exit_code, refused.output) == (2, f"{other}: is not a report.json of this version\n")

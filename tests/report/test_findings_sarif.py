"""findings.sarif: every finding, valid, and with what GitHub's code scanning asks for and limits."""

import json
from typing import Any

import pytest
from sarif_kit.validate import validation_errors

from audit_lib.report.findings_sarif import findings_sarif
from audit_lib.report.json_text import to_json
from tests.support import made_up_audit as frames
from tests.support.paths import GOLDEN

ODD = "../up.env:3; /root/b.env:4; production/backend, c d.env:5 in abcdef0"


def _golden() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((GOLDEN / "findings.sarif").read_text("utf-8"))
    return loaded


def _made_up(where: str) -> dict[str, Any]:
    findings = frames.findings().assign(where=where, check="overdue-secret")
    loaded: dict[str, Any] = json.loads(to_json(findings_sarif(frames.audit(findings=findings))))
    return loaded


@pytest.mark.parametrize("log", [_golden(), _made_up(ODD)], ids=["sample", "made up"])
def test_github_can_show_it(log: dict[str, Any]) -> None:
    """Valid by the standard; each result has a relative file, a line, a rule and a fingerprint of its own.

    The limits are those of docs.github.com, "SARIF results exceed limits": 25,000 results in a run, 1,000
    places of a result (100 shown), 20 tags of a rule (10 shown).
    """
    assert validation_errors(log) == []
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    for rule in rules:
        assert rule["shortDescription"]["text"]
        assert rule["fullDescription"]["text"]
        assert rule["help"]["text"]
        assert 0 <= float(rule["properties"]["security-severity"]) <= 10
        assert "security" in rule["properties"]["tags"]
    prints = [one["partialFingerprints"]["findingId/v1"] for one in run["results"]]
    assert len(set(prints)) == len(prints) <= 25_000
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
        assert 1 <= len(result["locations"]) <= 100
        for location in result["locations"]:
            uri = location["physicalLocation"]["artifactLocation"]["uri"]
            assert not uri.startswith(("/", ".."))
            assert ":" not in uri
            assert location["physicalLocation"]["region"]["startLine"] >= 1


def test_it_holds_every_finding_once() -> None:
    """Its results are the findings of report.json, with severity, and what was accepted is suppressed."""
    findings = json.loads((GOLDEN / "report.json").read_text("utf-8"))["findings"]
    results = _golden()["runs"][0]["results"]
    told = [
        (one["partialFingerprints"]["findingId/v1"], one["properties"]["severity"], "suppressions" in one)
        for one in results
    ]
    assert told == [(one["id"], one["severity"], one["status"] == "accepted") for one in findings]


def test_a_place_is_a_file_of_the_repository() -> None:
    """A line is cited by its file, a path that leads elsewhere by its name, what has none by the policy."""
    (first, *_) = _made_up(ODD)["runs"][0]["results"]
    cited = [one["physicalLocation"] for one in first["locations"]]
    assert [(one["artifactLocation"]["uri"], one["region"]["startLine"]) for one in cited] == [
        ("up.env", 3),
        ("b.env", 4),
        ("c%20d.env", 5),
    ]
    (nowhere,) = _made_up("production/backend")["runs"][0]["results"][0]["locations"]
    assert nowhere["physicalLocation"]["region"]["startLine"] == 1

"""report.json and findings.csv: by the contract, inert, equal for equal audits."""

import csv
import io
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd
import pytest

from audit_lib.report.csv_text import to_csv
from audit_lib.report.json_text import to_json
from audit_lib.report.report_json import report_record, schema
from audit_lib.secrets.contracts import Inventory
from tests.support import made_up_audit as frames
from tests.support.fakes import fake_value
from tests.support.paths import ROOT

CONTRACT = [
    *("schema", "project", "quarter", "as_of", "verdict", "score", "sources", "freshness", "auth_failures"),
    *(
        "detections",
        "leaks",
        "drift",
        "findings",
        "changes",
        "exceptions",
        "rules",
        "attestations",
        "coverage",
    ),
]

VALIDATOR = jsonschema.Draft202012Validator(schema())


def _inventory() -> pd.DataFrame:
    rows = [
        ("A_KEY", "production", "present", "1", False),
        ("A_KEY", "staging", "present", "1", False),
        ("B_KEY", "production", "present", "2", False),
        ("B_KEY", "staging", "present", "3", True),
        ("C_KEY", "production", "missing", None, None),
        ("C_KEY", "staging", "not supplied", None, None),
    ]
    names = ("secret", "environment", "state", "fingerprint", "placeholder")
    named = (dict(zip(names, row, strict=True)) for row in rows)
    same = {"service": "backend", "kind": "secret", "component": "whole"}
    return frames.filled(
        Inventory,
        ({**row, **same, "fingerprint": row["fingerprint"] and row["fingerprint"] * 64} for row in named),
    )


def test_the_record_keeps_the_contract() -> None:
    """Every field of the contract is there, the schema is valid and so is the record, empty frames too."""
    jsonschema.Draft202012Validator.check_schema(schema())
    empty = {
        name: getattr(frames, name)().head(0) for name in ("sources", "freshness", "findings", "log_counts")
    }
    for audit in (frames.audit(inventory=_inventory()), frames.audit(**empty)):
        record = json.loads(to_json(report_record(audit)))
        assert set(CONTRACT) <= set(record)
        VALIDATOR.validate(record)


@cache
def _record() -> dict[str, object]:
    """The record of a small audit; whoever changes it takes a copy."""
    return dict(json.loads(to_json(report_record(frames.audit()))))


def _objects(node: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object that the schema describes field by field, with its place."""
    if isinstance(node, dict):
        if "properties" in node and not place.endswith(("/if", "/then")):
            yield place, node
        for name, inner in node.items():
            yield from _objects(inner, f"{place}/{name}")


def test_the_schema_is_strict() -> None:
    """No object may have a field more or less, and each field is described."""
    found = dict(_objects(schema()))
    assert len(found) > 30
    for place, node in found.items():
        assert node["additionalProperties"] is False, place
        assert sorted(node["required"]) == sorted(node["properties"]), place
        assert [name for name, field in node["properties"].items() if not field.get("description")] == [], (
            place
        )


@pytest.mark.parametrize("report", sorted((ROOT / "reports").iterdir()), ids=lambda path: path.name)
def test_the_committed_report_keeps_the_contract(report: Path) -> None:
    """The sample's report, with rows in nearly every table, is valid."""
    record = json.loads((report / "report.json").read_text("utf-8"))
    VALIDATOR.validate(record)


@pytest.mark.parametrize("field", CONTRACT)
def test_the_schema_misses_no_field(field: str) -> None:
    """A record without one of the fields, or with another type in it, is refused."""
    record = _record()
    for broken in ({**record, field: 7}, {name: record[name] for name in record if name != field}):
        with pytest.raises(jsonschema.ValidationError):
            VALIDATOR.validate(broken)


def test_the_record_quotes_no_fingerprint_and_nothing_live() -> None:
    """Equal values share a letter instead; control and bidi characters are escaped."""
    text = to_json(report_record(frames.audit(inventory=_inventory())))
    assert "1" * 64 not in text
    assert not {"\x1b", "\u202e"} & set(text)
    drift = {row["secret"]: row["environments"] for row in json.loads(text)["drift"]}
    assert drift == {
        "A_KEY": {"production/backend": "value A", "staging/backend": "value A"},
        "B_KEY": {"production/backend": "value B", "staging/backend": "placeholder"},
        "C_KEY": {"production/backend": "missing", "staging/backend": "not supplied"},
    }


def test_failures_add_up() -> None:
    """Requests, failures and kinds by day and client come to the totals; ages are rounded outwards."""
    record = report_record(frames.audit())
    failures = record["auth_failures"]
    assert failures["requests"] == sum(day["requests"] for day in failures["by_day"]) == 51
    assert sum(day["failures"] for day in failures["by_day"]) == 11
    assert failures["by_kind"] == {"forbidden": 2, "login_failed": 3, "other": 40, "unauthorized": 9}
    assert failures["by_status"] == {"200": 40, "401": 9, "403": 2}
    assert failures["untimed"] == 6
    ages = {row["secret"]: (row["age_days_min"], row["age_days_max"]) for row in record["freshness"]}
    assert ages["JWT_SECRET"] == (3.0, 10.1)


def test_requests_of_a_client_are_all_of_its_requests() -> None:
    """A client that was refused has its answered requests counted, too; its refusals have their own name."""
    by_client = report_record(frames.audit())["auth_failures"]["by_client"]
    busy = next(row for row in by_client if row["failures"] == 5)
    assert (busy["requests"], busy["by_kind"]) == (45, {"other": 40, "unauthorized": 5})


def test_the_csv_holds_every_finding_and_no_formula() -> None:
    """Reading it back gives the findings, and no cell starts a formula."""
    value = "=" + fake_value("csv")
    findings = frames.findings()
    findings["evidence"] = [value, "-1", "@x", 'a "quoted", cell']
    rows = list(csv.DictReader(io.StringIO(to_csv(findings))))
    assert [row["id"] for row in rows] == findings["id"].tolist()
    assert [row["evidence"] for row in rows] == [f"'{value}", "'-1", "'@x", 'a "quoted", cell']
    assert not any(cell[:1] in ("=", "+", "-", "@") for row in rows for cell in row.values())


def test_numbers_in_the_csv_are_numbers() -> None:
    """A count or a negative number is bare, so that a sheet adds it; a text that looks like one is a text."""
    frame = pd.DataFrame(
        {"count": [-3, 4], "days": [0.5, float("nan")], "done": [True, False], "text": ["-3", "4"]}
    )
    assert to_csv(frame).splitlines()[1:] == ['-3,0.5,"True","\'-3"', '4,"","False","4"']

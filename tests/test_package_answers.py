"""Who has only the published package can answer the auditor's questions: docs/review.md#the-package."""

import csv
import json
import re
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest

from audit_lib.cli.decisions import signed_text
from audit_lib.ledger import Draft, append, read_ledger
from audit_lib.ledger.keys import demo_key
from tests.support.paths import GOLDEN, ROOT

PAGE = (ROOT / "docs" / "review.md").read_text("utf-8")
ROWS = re.findall(r"^\| ([^|]+\?) \| ([^|]+) \|$", PAGE.partition("## The package")[2], re.MULTILINE)
# The sample has no earlier report to compare with, and its findings are those of one review.
AS_OF = datetime(2026, 9, 30, 23, 59, 59, tzinfo=UTC)
MAY_BE_EMPTY = {"changes"}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The sample's package by file, as two people signed it."""
    ledger, manifest = tmp_path_factory.mktemp("ledger"), GOLDEN / "MANIFEST.json"
    digest = sha256(manifest.read_bytes()).hexdigest()
    for by, role in (("Ada", "prepared"), ("Bo", "approved")):
        body = {"manifest_sha256": digest, "by": by, "role": role, "made_with": "x", "heads": {}}
        append(ledger, demo_key(), Draft("signoff", body), AS_OF, by.lower())
    signed = signed_text(GOLDEN, read_ledger(ledger, demo_key()))
    columns, _, *table = [line.strip("| ").split(" | ") for line in signed.splitlines() if line[:1] == "|"]
    with (GOLDEN / "findings.csv").open(encoding="utf-8-sig", newline="") as rows:
        findings = list(csv.DictReader(rows))
    files = {
        name: json.loads((GOLDEN / name).read_text("utf-8")) for name in ("report.json", "MANIFEST.json")
    }
    signatures = [dict(zip(columns, row, strict=True)) for row in table]
    return {**files, "findings.csv": findings, "SIGNED.md": signatures}


def test_each_question_is_there() -> None:
    """The sixteen of an audit of a periodic control, each with at least one field."""
    assert len(ROWS) == 16


@pytest.mark.parametrize(("question", "places"), ROWS, ids=[question for question, _ in ROWS])
def test_a_question_is_answered(package: dict[str, Any], question: str, places: str) -> None:
    """Each field that the page names is in that file of the sample's package, and says something."""
    for part in places.split(";"):
        file = part.split()[0]
        for path in re.findall(r"`([^`]+)`", part):
            told = _told(package[file], path if isinstance(package[file], dict) else f"[].{path}")
            assert told or path in MAY_BE_EMPTY, f"{file}: {path}"


def _told(content: Any, path: str) -> list[Any]:
    """What stands at a path such as `rules.changes[].was`, without what is empty."""
    found = [content]
    for name in filter(None, path.replace("[]", ".[]").split(".")):
        found = [one for many in found for one in many] if name == "[]" else [one[name] for one in found]
    return [one for one in found if one not in (None, "", [], {})]

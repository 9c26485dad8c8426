"""Reads the report of an earlier review, to compare with: of the same project, and as it was published."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from audit_lib.base.clock import parse_instant
from audit_lib.base.errors import BadInput
from audit_lib.base.severities import SEVERITIES
from audit_lib.findings.last_review import LastReview, Opened, kept, openings
from audit_lib.findings.rules_in_force import Rules
from audit_lib.secrecy.keeper import Key
from audit_lib.secrecy.signature import MANIFEST, signature_holds

_NOT_ENDED = ("unknown", "claimed closed")
_TEXTS = ("id", "check", "status", "subject", "environment", "service")


@dataclass(frozen=True)
class PreviousReport:
    """What an earlier review published: its findings by id, when, and how far the ledger's chains went."""

    findings: Mapping[str, Mapping[str, Any]]
    as_of: datetime
    heads: tuple[tuple[str, str], ...]  # writer, "number:hash"
    rules: Rules = field(default_factory=dict)  # that it judged by; {} of an older report
    opened: Mapping[str, Opened] = field(default_factory=dict)  # by finding

    @property
    def review(self) -> LastReview | None:
        """The review as one to compare with; None if it does not say what it judged by."""
        return LastReview(self.as_of, "", self.rules, self.opened) if self.rules else None


def read_previous(path: Path, project: str, key: Key) -> PreviousReport:
    """The report.json at a path.

    If the manifest that was published with it is beside it, the report must be the one that it names, and
    the manifest signed under the key, if it names that key. Without a manifest nothing shows that the report
    was not edited.

    Raises:
        BadInput: it is not a report.json, is another project's, or was edited.
    """
    try:
        content = path.read_bytes()
        report = json.loads(content)
    except (OSError, ValueError, RecursionError):
        raise BadInput.at(str(path), "cannot be read as a report.json") from None
    if not _is_report(report):
        raise BadInput.at(str(path), "is not a report.json of this tool")
    if report["project"] != project:
        raise BadInput.at(str(path), f"is a report of another project than {project}")
    if (fault := _edited(path.with_name(MANIFEST), content, key)) is not None:
        raise BadInput.at(str(path), fault)
    heads = report.get("ledger")
    known = (
        sorted((str(writer), str(head)) for writer, head in heads.items()) if isinstance(heads, dict) else []
    )
    as_of = parse_instant(report["as_of"], str(path))
    findings = {
        row["id"]: {**dict.fromkeys(_TEXTS, ""), **row, "covers": "; ".join(row.get("covers", ()))}
        for row in (*_carried(report), *report["findings"])
    }
    rules, opened = _kept(report, str(path))
    first = dict.fromkeys(findings, Opened(as_of, str(report.get("quarter", ""))))
    return PreviousReport(findings, as_of, tuple(known), rules, first | opened)


def _carried(report: dict[str, Any]) -> list[dict[str, Any]]:
    """What its register says of findings that were gone and of which it is not known if they ended."""
    found = {row["id"] for row in report["findings"]}
    exceptions = report.get("exceptions", [])
    return [row for row in exceptions if row["status"] in _NOT_ENDED and row["id"] not in found]


def _kept(report: dict[str, Any], place: str) -> tuple[Rules, dict[str, Opened]]:
    """What it judged by, and when each of its findings was opened."""
    try:
        said = kept(report)
        return said.get("rules", {}), openings(said, place)
    except (KeyError, TypeError, AttributeError, ValueError):
        raise BadInput.at(place, "has rules or exceptions that are not of this tool") from None


def _is_report(report: Any) -> bool:
    known = isinstance(report, dict) and str(report.get("schema", "")).startswith("audit_lib/report/")
    findings = report.get("findings") if known else None
    return (
        isinstance(findings, list)
        and isinstance(report.get("exceptions", []), list)
        and isinstance(report.get("project"), str)
        and isinstance(report.get("as_of"), str)
        and all(
            isinstance(row, dict)
            and all(isinstance(row.get(name, ""), str) for name in _TEXTS)
            and row.get("severity") in SEVERITIES
            and isinstance(row.get("covers", []), list)
            and all(isinstance(one, str) for one in row.get("covers", []))
            and all(row.get(name) for name in ("id", "check", "status"))
            for row in (*findings, *report.get("exceptions", []))
        )
    )


def _edited(manifest: Path, content: bytes, key: Key) -> str | None:
    """What shows that a report is not as it was published; None if nothing does."""
    try:
        said = json.loads(manifest.read_text("utf-8"))
        named = said["files"]["report.json"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return f"has a {MANIFEST} beside it that does not name it"
    if named != sha256(content).hexdigest():
        return f"was edited: it is not the file that {MANIFEST} names"
    if said.get("key", {}).get("key_id") == key.key_id and not signature_holds(key, said):
        return f"has a {MANIFEST} beside it that was edited: its signature does not hold"
    return None

"""A review for other programs: findings as CSV and SARIF, the first screen as Markdown to forward."""

import csv
import io
import numbers
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.base.frames import rows
from audit_lib.base.severities import SEVERITIES
from audit_lib.findings.check import Check
from audit_lib.findings.checks import CHECKS
from audit_lib.report import escape as inert
from audit_lib.report.sarif import MOST_LOCATIONS, sarif_log
from audit_lib.report.summary import WORDS, Summary

if TYPE_CHECKING:
    from audit_lib.audit import Audit

# GitHub ranks a rule by this number: above 9.0 is critical, from 7.0 high, from 4.0 medium.
_SCORES = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "2.0", "info": "0.5"}
_LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "note"}
_LINE = re.compile(r"(?P<path>.+?)(?::(?P<line>\d+))?(?: in (?P<commit>[0-9a-f]{7,40}))?")
_MARKUP = re.compile(r"[\\*<>\[\]|&#~`]|(?<=\w):(?=//)|(?<=www)\.", re.IGNORECASE)


def to_csv(frame: pd.DataFrame) -> str:
    """The frame as CSV: a header, its own order, numbers bare, texts quoted and inert, LF line ends."""
    written = io.StringIO()
    writer = csv.writer(written, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(frame.columns)
    for row in frame.itertuples(index=False):
        writer.writerow([_cell(value) for value in row])
    return written.getvalue()


def _cell(value: Any) -> Any:
    if pd.isna(value):
        return ""
    if isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_):
        return value
    return inert.csv_cell(iso(value) if isinstance(value, pd.Timestamp) else value)


def owner_text(screen: Summary) -> str:
    """Markdown of the first screen, without markup of what was read."""
    parts = [_md(screen.title), _md(screen.facts), f"# {WORDS[screen.verdict]} {_md(screen.sentence)}"]
    parts += [_md(" ".join(screen.reasons))]
    parts += [_list(f"{one.title}: {one.count} {one.unit} ({one.note})" for one in screen.figures)]
    parts += [f"## {_md(screen.actions_title)}"]
    for row in rows(screen.actions):
        lines = [
            f"{row.number}. **{_md(row.action)}**, {_md(row.by)}, owner: {_md(row.owner)}",
            f"   {_md(row.why)} ({_md(row.where)}). Closes {row.closes}.",
        ]
        parts.append("\n".join([*lines, *([f"   `{inert.plain(row.command)}`"] if row.command else [])]))
    parts += [_md(screen.more)] if screen.more else []
    parts += [f"## {_md(screen.falls_due_title)}", _list(_joined(screen.falls_due) or ["nothing"])]
    parts += ["## Not known, and what would decide", _list(_joined(screen.not_known) or ["nothing"])]
    return "\n\n".join(parts) + "\n"


def _joined(frame: pd.DataFrame) -> list[str]:
    return [" ".join(filter(None, map(str, row))) for row in frame.itertuples(index=False)]


def _list(lines: Any) -> str:
    return "\n".join(f"- {_md(line)}" for line in lines)


def _md(text: object) -> str:
    return _MARKUP.sub(r"\\\g<0>", inert.plain(text))


# ---- SARIF ----


def findings_sarif(audit: "Audit") -> dict[str, Any]:
    """A SARIF 2.1.0 log with one result for each finding, in the order of the findings.

    GitHub takes no result without a file: what is about no file is shown at the settings.
    """
    findings = audit.findings
    worst = findings.groupby("check")["severity"].agg(lambda found: max(found, key=SEVERITIES.index))
    checks = [check for check in CHECKS if check.id in worst]
    number = {check.id: index for index, check in enumerate(checks)}
    files = set(audit.sources["source"]) | set(audit.leak_places["path"])
    results = [_result(row, number[row.check], files) for row in rows(findings)]
    return sarif_log([_rule(check, worst[check.id]) for check in checks], results)


def _rule(check: Check, severity: str) -> dict[str, Any]:
    return {
        "id": check.id,
        "name": "".join(word.capitalize() for word in check.id.split("-")),
        "shortDescription": {"text": check.what},
        "fullDescription": {"text": check.why},
        "help": {"text": f"{check.why} See docs/checks.md of audit_lib."},
        "defaultConfiguration": {"level": _LEVELS[severity]},
        "properties": {"tags": ["security"], "security-severity": _SCORES[severity]},
    }


def _result(row: Any, number: int, files: set[str]) -> dict[str, Any]:
    place = "/".join(filter(None, (row.environment, row.service)))
    said = "Not known: " if row.status == "unknown" else ""
    text = f"{said}{row.subject}{f' ({place})' if place else ''}: {row.evidence}. {row.remedy}"
    accepted = {"kind": "external", "status": "accepted", "justification": f"accepted by {row.accepted_by}"}
    return {
        "ruleId": row.check,
        "ruleIndex": number,
        "level": "note" if row.status == "unknown" else _LEVELS[row.severity],
        "message": {"text": inert.plain(text)},
        "locations": _locations(row.where, files) or [_location("audit.toml", None)],
        "partialFingerprints": {"findingId/v1": inert.plain(row.id)},
        "properties": {"severity": row.severity, "status": row.status, "owner": inert.plain(row.owner)},
        **({"suppressions": [accepted]} if row.status == "accepted" else {}),
    }


def _locations(where: tuple[str, ...], files: set[str]) -> list[dict[str, Any]]:
    """The places of a finding that are files of the project."""
    places = [place for text in where for place in text.split(", ")]
    found = [match for place in places if (match := _LINE.fullmatch(place)) and match["path"] in files]
    return [_location(one["path"], one["line"]) for one in found[:MOST_LOCATIONS]]


def _location(path: str, line: str | None) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": {"uri": quote(path, safe="/!")}}
    if line:
        physical["region"] = {"startLine": int(line)}
    return {"physicalLocation": physical}

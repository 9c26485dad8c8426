"""All findings of a review as SARIF 2.1.0, with what GitHub's code scanning asks for beyond the standard."""

import re
from typing import Any
from urllib.parse import quote

from audit_lib.base.frames import rows
from audit_lib.base.severities import SEVERITIES
from audit_lib.findings.audit import Audit
from audit_lib.findings.checks import CHECKS, Check
from audit_lib.report import escape as inert
from audit_lib.report.sarif import MOST_LOCATIONS, sarif_log

# GitHub ranks a rule by this number: above 9.0 is critical, from 7.0 high, from 4.0 medium.
_SCORES = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "2.0", "info": "0.5"}
_LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "note"}
_LINE = re.compile(r"(?P<path>.+?)(?::(?P<line>\d+))?(?: in (?P<commit>[0-9a-f]{7,40}))?")


def findings_sarif(audit: Audit) -> dict[str, Any]:
    """A SARIF log with one result for each finding, in the order of the findings.

    GitHub takes no result without a file: what is about no file is shown at the one that the rule is in.
    """
    findings, files = audit.tables["findings"], _files(audit)
    worst = findings.groupby("check")["severity"].agg(lambda found: max(found, key=SEVERITIES.index))
    checks = [check for check in CHECKS if check.id in worst]
    number = {check.id: index for index, check in enumerate(checks)}
    results = [_result(one, number[one.check], _locations(one.where, files)) for one in rows(findings)]
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


def _result(one: Any, number: int, locations: list[dict[str, Any]]) -> dict[str, Any]:
    place = "/".join(filter(None, (one.environment, one.service)))
    said = "Not known: " if one.status == "unknown" else ""
    text = f"{said}{one.subject}{f' ({place})' if place else ''}: {one.evidence}. {one.remedy}"
    accepted = {"kind": "external", "status": "accepted", "justification": f"accepted by {one.accepted_by}"}
    return {
        "ruleId": one.check,
        "ruleIndex": number,
        "level": "note" if one.status == "unknown" else _LEVELS[one.severity],
        "message": {"text": inert.plain(text)},
        "locations": locations,
        "partialFingerprints": {"findingId/v1": inert.plain(one.id)},
        "properties": {"severity": one.severity, "status": one.status},
        **({"suppressions": [accepted]} if one.status == "accepted" else {}),
    }


def _files(audit: Audit) -> tuple[set[str], str]:
    """The files that findings may name, and the one that stands for what is about none of them."""
    sources, places = audit.tables["sources"], audit.tables["leak_places"]
    known = {
        *sources.loc[sources["kind"].ne("policy"), "source"],
        *places["path"],
        *audit.tables["inventory"]["source"],
    }
    path = audit.policy.path
    own = path.is_relative_to(audit.project.root)
    return known, path.relative_to(audit.project.root).as_posix() if own else "audit.toml"


def _locations(where: tuple[str, ...], files: tuple[set[str], str]) -> list[dict[str, Any]]:
    known, rule = files
    found = [_LINE.fullmatch(part) for part in (part for text in where for part in text.split(", "))]
    named = [one for one in found if one and (one["line"] or one["path"] in known)]
    lines = dict.fromkeys((one["path"], int(one["line"] or 1)) for one in named)
    return [_location(*one) for one in list(lines)[:MOST_LOCATIONS]] or [_location(rule, 1)]


def _location(path: str, line: int) -> dict[str, Any]:
    """A file below the root of the repository; a path that leads elsewhere is kept by its name alone."""
    inside = path.removeprefix("./") if not path.startswith(("/", "../")) else path.rpartition("/")[2]
    file = {"uri": quote(inside.encode("utf-8", "surrogateescape"), safe="/!"), "uriBaseId": "%SRCROOT%"}
    return {"physicalLocation": {"artifactLocation": file, "region": {"startLine": max(line, 1)}}}

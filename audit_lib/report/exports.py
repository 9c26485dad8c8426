"""Findings and leaks for other programs: as CSV and SARIF."""

import csv
import numbers
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
import pandas as pd

from audit_lib import __version__
from audit_lib.base.clock import iso
from audit_lib.base.frames import rows
from audit_lib.base.in_words import SEVERITIES, counted
from audit_lib.findings.checks import CHECKS
from audit_lib.report import escape as inert

if TYPE_CHECKING:
    from audit_lib.audit import Audit

SARIF = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
MOST_LOCATIONS = 100  # of one result
# By severity the level, and the number by which GitHub ranks a rule: from 9.0 critical, 7.0 high, 4.0 medium.
_RANKS = (("note", "0.5"), ("note", "2.0"), ("warning", "5.5"), ("error", "8.0"), ("error", "9.5"))
_LEVELS = dict(zip(SEVERITIES, _RANKS, strict=True))
_PLACE = re.compile(r"(?P<path>.+?)(?::(?P<line>\d+))?(?: in [0-9a-f]{7,40})?")
_LEAKS = {  # by kind of a leak: its level, and what it is
    "leak": ("error", "A value that is or was in use is in a place where others can read it"),
    "pattern": ("error", "Something that looks like a secret is in a place where others can read it"),
    "possible": ("warning", "A password that somebody chose, or a default, may be in a file"),
    "hash": ("warning", "The hash of a password is in a file: whoever has it can guess the password"),
    "truncated": ("warning", "Part of a value is in a place where others can read it"),
    "weak default": ("warning", "A guessable value appears beside its name"),
    "template": ("note", "A placeholder or template value appears beside its name"),
}
_REMEDY = "If it is in use, rotate it first, then purge it. A purge does not reach clones, forks or caches."


def with_texts(findings: pd.DataFrame) -> pd.DataFrame:
    """The rows of `Findings` as a spreadsheet has them: lists are texts, parted by semicolons."""
    covers = findings["covers"].map(lambda items: ["{}@{}/{}".format(*item) for item in items])
    lists = {name: findings[name] for name in ("where", "controls", "guide_lines")} | {"covers": covers}
    return findings.assign(**{name: column.map("; ".join).astype("str") for name, column in lists.items()})


def to_csv(frame: pd.DataFrame) -> str:
    """The frame as CSV: a header, its own order, numbers bare, texts quoted and inert, LF line ends."""
    cells = frame.astype(object).map(_cell)
    return cells.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")


def _cell(value: Any) -> Any:
    if not isinstance(value, list | tuple) and pd.isna(value):
        return ""
    if isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_):
        return value
    return inert.csv_cell(iso(value) if isinstance(value, pd.Timestamp) else value)


def findings_sarif(audit: "Audit") -> dict[str, Any]:
    """A SARIF 2.1.0 log with one result for each finding, in the order of the findings.

    Its rules are the checks that have a finding, each with the level and the rank of its worst. What is not
    known is a note, what is accepted a suppressed result. A finding about no file is at `audit.toml`."""
    worst = audit.findings.groupby("check")["severity"].agg(lambda found: max(found, key=SEVERITIES.index))
    rules = [
        _rule(check.id, check.what, check.why, f"{check.why} See docs/checks.md of audit_lib.")
        | {"defaultConfiguration": {"level": level}}
        | {"properties": {"tags": ["security"], "security-severity": rank}}
        for check in CHECKS
        if check.id in worst
        for level, rank in [_LEVELS[worst[check.id]]]
    ]
    files = {*audit.sources["source"], *audit.leak_places["path"]}
    return _log(rules, (_of_finding(row, files) for row in rows(audit.findings)))


def _of_finding(row: Any, files: set[str]) -> dict[str, Any]:
    """The result of a finding; GitHub takes none without a file: what is about no file is at the settings."""
    place = "/".join(filter(None, (row.environment, row.service)))
    lead = "Not known: " if row.status == "unknown" else ""
    text = f"{lead}{row.subject}{f' ({place})' if place else ''}: {row.evidence}. {row.remedy}"
    matches = [_PLACE.fullmatch(one) for where in row.where for one in where.split(", ")]
    named = [(match["path"], match["line"]) for match in matches if match and match["path"] in files]
    accepted = {"kind": "external", "status": "accepted", "justification": f"accepted by {row.accepted_by}"}
    return {
        "ruleId": row.check,
        "level": "note" if row.status == "unknown" else _LEVELS[row.severity][0],
        "message": {"text": inert.plain(text)},
        "locations": [_location(path, line) for path, line in named[:MOST_LOCATIONS] or [("audit.toml", 0)]],
        "partialFingerprints": {"findingId/v1": inert.plain(row.id)},
        "properties": {"severity": row.severity, "status": row.status, "owner": inert.plain(row.owner)},
        **({"suppressions": [accepted]} if row.status == "accepted" else {}),
    }


def leaks_sarif(leaks: pd.DataFrame, places: pd.DataFrame, *, complete: bool) -> dict[str, Any]:
    """A SARIF log with one result for each leak. `complete` is false if git failed: then nothing is green."""
    kinds = {f"leak/{kind}".replace(" ", "-"): what for kind, (_, what) in _LEAKS.items()}
    by_leak = dict(list(places[places["path"].ne("")].groupby("leak_id", sort=False)))
    results = (_of_leak(leak, by_leak.get(leak.leak_id, places.head(0))) for leak in rows(leaks))
    return _log([_rule(it, what, what, _REMEDY) for it, what in kinds.items()], results, complete=complete)


def _of_leak(leak: Any, places: pd.DataFrame) -> dict[str, Any]:
    where = "at HEAD" if leak.at_head else "in the history" if leak.first_commit else "on disk"
    force = f"in force in {leak.in_force}" if leak.in_force else "not known to be in force"
    text = f"{leak.variable}: {leak.kind}, {counted(leak.occurrences, 'occurrence')}, {where}, {force}"
    properties = {"matched": leak.matched, "firstCommit": leak.first_commit}
    return {
        "ruleId": f"leak/{leak.kind}".replace(" ", "-"),
        "level": _LEAKS[leak.kind][0],
        "message": {"text": text},
        "locations": [
            _location(one.path, one.line, f"{one.place} {one.commit} ({one.encoding})".replace("  ", " "))
            for one in rows(places.head(MOST_LOCATIONS))
        ],
        "partialFingerprints": {"leakId/v1": leak.leak_id},
        "occurrenceCount": max(int(leak.occurrences), 1),
        "properties": properties | {"atHead": leak.at_head, "reachable": leak.reachable},
    }


def _log(rules: list[Any], results: Iterable[Any], *, complete: bool = True) -> dict[str, Any]:
    run = {
        "tool": {"driver": {"name": "audit_lib", "version": __version__, "rules": rules}},
        "invocations": [{"executionSuccessful": complete}],
        "columnKind": "unicodeCodePoints",
        "results": list(results),
    }
    return {"$schema": SARIF, "version": "2.1.0", "runs": [run]}


def _rule(id_: str, what: str, why: str, remedy: str) -> dict[str, Any]:
    """A rule with what version 2.1.0 leaves optional and GitHub's code scanning requires."""
    texts = {"shortDescription": what, "fullDescription": why, "help": remedy}
    return {"id": id_, **{name: {"text": text} for name, text in texts.items()}}


def _location(path: str, line: int | str | None, text: str = "") -> dict[str, Any]:
    region = {"region": {"startLine": int(line)}} if line else {}
    message = {"message": {"text": text}} if text else {}
    return {"physicalLocation": {"artifactLocation": {"uri": quote(path, safe="/!")}} | region} | message

"""The figures of a review, counted anew from each thing that it publishes; no code of ours is used."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

REFUSED = ("unauthorized", "forbidden", "rate_limited", "declared_failure")
NO_SECRET = ("possible", "template", "weak default")
SEVERITIES = ("critical", "high", "medium", "low", "info")
Figures = dict[str, int]


def of_json(report: Mapping[str, Any]) -> Figures:
    """By the rows of report.json."""
    leaks = [one for one in report["leaks"] if one["kind"] not in NO_SECRET and one["force"] == "in force"]
    ages = Counter(row["status"] for row in report["freshness"])
    days = report["auth_failures"]["by_day"]
    logs = [row for row in report["sources"] if row["kind"] == "log" and row["lines"] is not None]
    bad = {
        item
        for row in report["findings"]
        if row["status"] == "open" and row["severity"] != "info"
        for item in row["covers"] or [f"{row['subject']}@{row['environment']}/{row['service']}"]
    }
    return {
        "leaked": len(leaks),
        "leaked in production": sum("production" in one["in_force"].split(",") for one in leaks),
        "too old": ages["overdue"],
        "ages": ages.total() - ages["exempt"],
        "ages not known": ages["unknown"],
        "due": ages["due"],
        "fresh": ages["fresh"],
        "requests": sum(day["requests"] for day in days),
        "refused": sum(day["by_kind"].get(kind, 0) for day in days for kind in REFUSED),
        "with an open finding": len(bad),
        "log lines": sum(row["lines"] for row in logs),
        "not understood": sum(row["not_understood"] for row in logs),
        **_of_findings(report["findings"]),
    }


def of_csv(text: str) -> Figures:
    """By the rows of findings.csv."""
    return _of_findings(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def of_sarif(log: Mapping[str, Any]) -> Figures:
    """By the results of findings.sarif."""
    return _of_findings(result["properties"] for result in log["runs"][0]["results"])


def _of_findings(findings: Iterable[Mapping[str, Any]]) -> Figures:
    states = Counter((row["status"], row["severity"]) for row in findings)
    found = {f"{status} {severity}": states[status, severity] for status, severity in states}
    return found | {"open": sum(count for (status, _), count in states.items() if status == "open")}


def of_text(text: str) -> Figures:
    """By what a text for people says: the first screen of page and PDF, owner.md, or the terminal."""
    words = " ".join(text.replace("\u200b", "").split())
    found = {}
    for pattern, names in _SAID.items():
        if said := re.search(pattern, words):
            found |= {name: _number(number) for name, number in zip(names, said.groups(), strict=True)}
    for status, given in re.findall(r"findings (open|accepted|not known): ((?:\d+ \w+(?:, )?)+)", words):
        for count, severity in re.findall(r"(\d+) (critical|high|medium|low|info)", given):
            found[f"{'unknown' if status == 'not known' else status} {severity}"] = int(count)
    return found


_N = r"([\d,]+)"
_SAID = {
    # On paper the five titles come first, then the five figures.
    rf"{_N} values? \(?{_N} of them in production": ("leaked", "leaked in production"),
    rf"{_N} values? \(?(?:everything was searched|but not everything)": ("leaked",),
    rf"{_N} of {_N} secrets? \(?{_N} not known, {_N} due, {_N} fresh": (
        "too old",
        "ages",
        "ages not known",
        "due",
        "fresh",
    ),
    rf"fresh\)?(?: -)?(?: Requests refused:?)? {_N} of {_N} ": ("refused", "requests"),
    rf"[\d,]+ of [\d,]+ checked \(?[a-z, ]+: [\d,]+ not known, {_N} with an open finding": (
        "with an open finding",
    ),
    rf"with an open finding\)?(?: -)?(?: Open:?)? {_N} findings?": ("open",),
    rf"close \d+ of the {_N} open finding": ("open",),
    rf"logs: {_N} lines?: {_N} requests?, [\d,]+ messages?, [\d,]+ text only, {_N} not understood": (
        "log lines",
        "requests",
        "not understood",
    ),
}


def _number(text: str) -> int:
    return int(text.replace(",", ""))

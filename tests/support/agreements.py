"""What a published report says twice: facts in which its files agree, found without its digests.

An edit of one file ends an agreement, also if the manifest was renewed after it. No code of ours is used.
"""

import csv
import io
import json
import re
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache
from html import unescape
from typing import Any

from tests.support import agreements_near, recount

Files = Mapping[str, str]
Fact = tuple[Hashable, ...]
_TAG = re.compile(r"<[^>]+>")
COMMON = 200  # rows; a cell that so many have names none of them
_WBR = re.compile(r"<wbr ?/?>")
_HIDDEN = re.compile(r"(?s)<(style|script|svg)\b.*?</\1>")


def facts(files: Files) -> set[Fact]:
    """Each agreement of the files, named by where it is; an edit shows itself by what is missing then."""
    try:
        report = json.loads(files["report.json"])
    except ValueError:
        return set()
    found: set[Fact] = set()
    for part in (_of_csv, _of_page, _of_rows, _of_figures, _of_sums, _of_ages, _of_manifest, _near):
        try:
            found |= set(part(report, files))
        except (KeyError, ValueError, TypeError, AttributeError, csv.Error):
            continue  # then none of its facts holds
    return found


def _of_csv(report: Any, files: Files) -> Iterator[Fact]:
    """Each cell of the two CSV files is that of report.json."""
    for name in ("findings", "exceptions"):
        rows = list(csv.DictReader(io.StringIO(files[f"{name}.csv"].removeprefix("\ufeff"))))
        for row, record in zip(rows, report[name], strict=True):
            yield from (
                (name, record["id"], key)
                for key in record
                if row[key].removeprefix("'") in (_text(record[key]), str(record[key]))
            )


def _text(value: Any) -> str:
    """A value as a cell shows it."""
    if isinstance(value, list):
        return "; ".join(map(_text, value))
    words = {None: "", True: "yes", False: "no"}
    if value is None or isinstance(value, bool):
        return words[value]
    return f"{value:,.10g}" if isinstance(value, int | float) else str(value)


def _words(html: str) -> str:
    return " ".join(unescape(_TAG.sub(" ", _HIDDEN.sub(" ", _WBR.sub("", html)))).split())


@cache
def _rows_of(html: str) -> tuple[tuple[str, ...], ...]:
    """The cells of each row of each table."""
    rows = re.split(r"<tr\b", _HIDDEN.sub(" ", html))[1:]
    cut = (row.partition("</table>")[0] for row in rows)
    return tuple(tuple(_words(f"<td{cell}") for cell in re.split(r"<t[dh]\b", row)[1:]) for row in cut)


@cache
def _shown(notebook: str) -> tuple[str, ...]:
    """The HTML of the notebook's outputs."""
    outputs = [one for cell in json.loads(notebook)["cells"] for one in cell.get("outputs", [])]
    return tuple("".join(one["data"].get("text/html", "")) for one in outputs if "data" in one)


@cache
def _plainly(notebook: str) -> str:
    outputs = [one for cell in json.loads(notebook)["cells"] for one in cell.get("outputs", [])]
    return "\n".join("".join(one["data"].get("text/plain", "")) for one in outputs if "data" in one)


def _of_page(report: Any, files: Files) -> Iterator[Fact]:
    """Each row and text of the page, and each clause of owner.md, is in the notebook's outputs."""
    page = files["report.html"]
    rows, said, plain = _said(files["quarterly_review.ipynb"])
    yield from (("row", number) for number, row in enumerate(_rows_of(page)) if row in rows)
    for number, three in enumerate(_threes(_pieces(page))):
        yield from [("piece", number)] * (three in said or " ".join(three) in plain)
    for number, clause in enumerate(agreements_near.clauses(files["owner.md"])):
        yield from [("owner", number)] * (clause in plain)


def _pieces(html: str) -> list[str]:
    """The texts between two tags, by lines."""
    lines = re.split(r"<[^>]+>|\n", _HIDDEN.sub(" ", _WBR.sub("", html)))
    pieces = (" ".join(unescape(one).split()) for one in lines)
    return [one for one in pieces if one]


def _threes(pieces: list[str]) -> Iterator[tuple[str, ...]]:
    """Each text with the two behind it: alone a name or a number may be that of another place."""
    return zip(pieces, pieces[1:], pieces[2:], strict=False)


@cache
def _cells(notebook: str) -> tuple[list[frozenset[str]], dict[str, set[int]]]:
    """The cells of each row of the notebook's tables, and the rows that have a cell."""
    rows = [frozenset(row) for html in _shown(notebook) for row in _rows_of(html)]
    holding: dict[str, set[int]] = defaultdict(set)
    for number, row in enumerate(rows):
        for cell in row:
            holding[cell].add(number)
    return rows, holding


@cache
def _said(notebook: str) -> tuple[frozenset[tuple[str, ...]], frozenset[tuple[str, ...]], str]:
    """The rows, the texts with the two behind each, and the plain text of the notebook's outputs."""
    rows = frozenset(row for html in _shown(notebook) for row in _rows_of(html))
    threes = frozenset(three for html in _shown(notebook) for three in _threes(_pieces(html)))
    return rows, threes, " ".join(_plainly(notebook).split())


def _of_rows(report: Any, files: Files) -> Iterator[Fact]:
    """Of each row of report.json, the fields that one row of a table of the notebook shows together."""
    rows, holding = _cells(files["quarterly_review.ipynb"])
    for section, number, record in _records(report):
        texts = {key: _text(value) for key, value in record.items() if not isinstance(value, dict | list)}
        texts = {key: text for key, text in texts.items() if text in holding}
        near = set().union(*(holding[text] for text in texts.values() if len(holding[text]) < COMMON))
        alike = {one: sum(text in rows[one] for text in texts.values()) for one in near}
        if alike:
            best = rows[max(sorted(alike), key=alike.__getitem__)]
            yield from ((section, number, key) for key, text in texts.items() if text in best)


def _records(node: Any, path: str = "") -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Each row of each list, with the list's name and its number."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _records(value, f"{path}.{key}")
    elif isinstance(node, list):
        for number, one in enumerate(node):
            if isinstance(one, dict):
                yield path, number, one
                lists = {key: value for key, value in one.items() if isinstance(value, list)}
                yield from _records(lists, f"{path}[{number}]")


def _of_figures(report: Any, files: Files) -> Iterator[Fact]:
    """The figures of the first screen, counted anew from the rows."""
    counted = recount.of_json(report)
    for name in ("report.html", "owner.md"):
        told = recount.of_text(_words(files[name].partition("<details")[0]))
        yield from (("figure", name, key) for key, value in told.items() if counted.get(key) == value)


def _of_sums(report: Any, files: Files) -> Iterator[Fact]:
    """What is counted in two ways, and what a finding and its exception say both."""
    failures, lines = report["auth_failures"], report["coverage"]["lines"]
    days = failures["by_day"]
    for kind, count in failures["by_kind"].items():
        yield from [("kind", kind)] * (sum(day["by_kind"].get(kind, 0) for day in days) == count)
    yield from [("requests", "status")] * (sum(failures["by_status"].values()) == failures["requests"])
    yield from [("requests", "days")] * (sum(day["requests"] for day in days) == failures["requests"])
    yield from [("untimed",)] * (sum(day["untimed"] for day in days) == failures["untimed"])
    for name, count in lines.items():
        yield from [("lines", name)] * (sum(row[name] or 0 for row in report["sources"]) == count)
    for entry in (*days, *failures["by_client"]):
        known = sum(entry["by_kind"].get(kind, 0) for kind in recount.REFUSED)
        yield from [("failures", entry.get("day"), entry.get("client"))] * (known == entry["failures"])
    findings = {row["id"]: row for row in report["findings"]}
    for row in report["exceptions"]:
        twin = findings.get(row["id"], {})
        both = [key for key in ("check", "severity", "subject") if twin.get(key) == row[key]]
        yield from (("twin", row["id"], key) for key in both)
    for leak in report["leaks"]:
        yield from [("leak", leak["leak_id"])] * (leak["first_at"] == leak["first_committed_at"])


def _of_ages(report: Any, files: Files) -> Iterator[Fact]:
    """An age follows from the instants that bound it, and these are those of its evidence."""
    end = _instant(report["as_of"])
    for number, row in enumerate(report["freshness"]):
        said = [f"{one['kind']} {one['source']}: {one['text']}" for one in row["evidence"]]
        for bound, age, due in (
            ("hi", "age_days_min", "overdue_from"),
            ("lo", "age_days_max", "possibly_overdue_from"),
        ):
            if row[f"{bound}_at"] is None:
                continue
            at = _instant(row[f"{bound}_at"])
            days = (end - at).total_seconds() / 86_400
            yield from [("age", number, age)] * (abs(days - (row[age] or 0)) <= 1)
            if row["max_age_days"] and row[due]:
                limit = timedelta(days=row["max_age_days"])
                yield from [("due", number, due)] * (at + limit == _instant(row[due]))
            bounds = [one[f"{bound}_at"] for one in row["evidence"]]
            yield from [("bound", number, bound)] * (row[f"{bound}_at"] in bounds)
            yield from [("words", number, bound)] * (row[f"{bound}_evidence"] in said)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _of_manifest(report: Any, files: Files) -> Iterator[Fact]:
    """What was read, as the manifest names it, too."""
    inputs = {one["source"]: one for one in json.loads(files["MANIFEST.json"])["inputs"]}
    for row in report["sources"]:
        twin = inputs.get(row["source"], {})
        yield from (("input", row["source"], key) for key in twin if row.get(key) == twin[key])


def _near(report: Any, files: Files) -> Iterator[Fact]:
    """What is said twice near each other (agreements_near.py)."""
    yield from agreements_near.of_order(files["owner.md"], _said(files["quarterly_review.ipynb"])[2])
    for part in (agreements_near.of_evidence, agreements_near.of_rules, agreements_near.of_reasons):
        yield from part(report)

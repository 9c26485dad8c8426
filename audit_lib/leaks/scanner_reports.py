"""Reads what other scanners reported: SARIF, gitleaks, betterleaks, trufflehog, kingfisher, GitHub."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.files import read_source
from audit_lib.base.in_words import counted
from audit_lib.leaks.secret_patterns import Shapes, is_available
from audit_lib.leaks.targets import weakness

_LARGEST = 64 << 20  # bytes
_MOST_FAULTS = 20  # that are listed
_WITHHELD = re.compile(r"(?i)redact|\*\*\*|\.\.\.$|…|^<.*>$")
_WORD = re.compile(r"\S{8,4096}")
_UNREADABLE = (
    "must be a report of gitleaks, trufflehog or kingfisher in JSON, SARIF, or GitHub's list of alerts"
)


@dataclass(frozen=True, order=True)
class Reported:
    """One result of another scanner. `fingerprint` is "" if the report does not hold the value whole."""

    path: str
    line: int
    rule: str
    commit: str
    fingerprint: str


@dataclass(frozen=True)
class _Result:
    """A result as its scanner has it; `text` is the value, or the text around it."""

    rule: str
    path: str
    line: int
    commit: str
    text: str

    def __repr__(self) -> str:
        return f"_Result({self.rule!r})"


class _Odd(Exception):
    """A result is not as its scanner writes it; the message says how."""


def read_reports(files: tuple[Path, ...], root: Path, shapes: Shapes) -> list[Reported]:
    """Every result of every report, once; the keeper holds the values that they give.

    Raises:
        BadInput: a file that cannot be read or is no such report, and every result without a rule or place.
    """
    found: dict[Reported, None] = {}
    faults: list[Fault] = []
    for file in files:
        document = _document(file)
        for number, (item, read) in enumerate(_items(document, str(file)), 1):
            try:
                found[_reported(read(item), root, shapes)] = None
            except _Odd as odd:
                faults.append(Fault(str(file), f"result {number:,} {odd}"))
    if faults:
        left = len(faults) - _MOST_FAULTS
        more = [Fault("--import", counted(left, "more fault"))] if left > 0 else []
        raise BadInput([*faults[:_MOST_FAULTS], *more])
    return sorted(found)


def _document(file: Path) -> Any:
    """The JSON of a file, or a list of its lines' where each is a document of its own."""
    content = read_source(file.parent, file.name, _LARGEST).content
    try:
        text = content.decode("utf-8-sig")
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            if error.msg != "Extra data":
                raise BadInput.at(f"{file}:{error.lineno}", f"is not JSON ({error.msg})") from None
            lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
            return [_line(line, f"{file}:{number}") for number, line in lines]
    except UnicodeDecodeError:
        raise BadInput.at(str(file), "is not UTF-8") from None
    except RecursionError:
        raise BadInput.at(str(file), "is nested too deeply") from None


def _line(line: str, place: str) -> Any:
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        raise BadInput.at(place, f"is not JSON ({error.msg})") from None


_Read = Callable[[Any], _Result]


def _items(document: Any, place: str) -> Iterator[tuple[Any, _Read]]:
    """Each result, with what reads it."""
    if isinstance(document, dict) and isinstance(document.get("runs"), list):
        for run in document["runs"]:
            for result in _list(run, "results"):
                yield result, _sarif
        return
    if isinstance(document, dict) and isinstance(document.get("findings"), list):
        document = document["findings"]
    for item in document if isinstance(document, list) else [document]:
        read = next((read for key, read in _BY_KEY.items() if isinstance(item, dict) and key in item), None)
        if read is None:
            raise BadInput.at(place, _UNREADABLE)
        yield item, read


def _sarif(result: Any) -> _Result:
    location: Any = next(iter(_list(result, "locations")), None)
    region = _at(location, "physicalLocation", "region")
    path = _text(location, "physicalLocation", "artifactLocation", "uri")
    text = _text(region, "snippet", "text")
    commit = _text(result, "partialFingerprints", "commitSha")
    rule = _text(result, "ruleId") or _text(result, "rule", "id")
    return _Result(rule, unquote(path.removeprefix("file://")), _number(region, "startLine"), commit, text)


def _gitleaks(item: Any) -> _Result:
    path, commit = _text(item, "File"), _text(item, "Commit")
    return _Result(_text(item, "RuleID"), path, _number(item, "StartLine"), commit, _text(item, "Secret"))


def _trufflehog(item: Any) -> _Result:
    place: Any = next(iter((_at(item, "SourceMetadata", "Data") or {}).values()), None)
    path = _text(place, "file") or _text(place, "link")
    text = _text(item, "Raw")
    return _Result(_text(item, "DetectorName"), path, _number(place, "line"), _text(place, "commit"), text)


def _kingfisher(item: Any) -> _Result:
    found = _at(item, "finding")
    path = _text(found, "git_metadata", "file", "path") or _text(found, "path")
    commit = _text(found, "git_metadata", "commit", "id")
    rule = _text(item, "rule", "id") or _text(item, "rule", "name")
    return _Result(rule, path, _number(found, "line"), commit, _text(found, "snippet"))


def _betterleaks(item: Any) -> _Result:
    place, text = _at(item, "location"), _text(item, "match", "value")
    commit = _text(item, "attributes", "git.sha")
    return _Result(_text(item, "rule_id"), _text(place, "path"), _number(place, "start_line"), commit, text)


def _github(item: Any) -> _Result:
    place = _at(item, "first_location_detected") or {}
    path = _text(place, "path") or _text(item, "html_url") or f"alert {_number(item, 'number')}"
    commit, line = _text(place, "commit_sha"), _number(place, "start_line")
    return _Result(_text(item, "secret_type"), path, line, commit, _text(item, "secret"))


# By a key that only one of them has.
_BY_KEY: dict[str, _Read] = {
    "RuleID": _gitleaks,
    "DetectorName": _trufflehog,
    "finding": _kingfisher,
    "rule_id": _betterleaks,
    "secret_type": _github,
}


def _reported(result: _Result, root: Path, shapes: Shapes) -> Reported:
    for what, given in (("rule", result.rule), ("file", result.path)):
        if not given:
            raise _Odd(f"names no {what}")
    path = result.path.removeprefix(f"{root.resolve()}/").removeprefix("./")
    return Reported(path, result.line, result.rule, result.commit, _fingerprint(result.text, shapes))


def _fingerprint(text: str, shapes: Shapes) -> str:
    """The value in a text: what looks like one, else the text if it is a word; "" for none, or several."""
    if _WITHHELD.search(text):
        return ""
    found = {shape.fingerprint for shape in shapes.look(text.encode())} if is_available() else set()
    if not found and _WORD.fullmatch(text):
        found = {shapes.keeper.take(text)}
    value = found.pop() if len(found) == 1 else ""
    return value if value and not weakness(value, shapes.keeper) else ""


def _at(item: Any, *keys: str) -> Any:
    """What is below some keys; None if there is nothing."""
    for key in keys:
        if item is not None and not isinstance(item, dict):
            raise _Odd(f"has no object at {key!r}")
        item = (item or {}).get(key)
    return item


def _text(item: Any, *keys: str) -> str:
    found = _at(item, *keys)
    if found is not None and not isinstance(found, str):
        raise _Odd(f"has no text at {keys[-1]!r}")
    return found or ""


def _number(item: Any, key: str) -> int:
    """A line; 0 for none. Scanners that number commits and not files write none."""
    found = _at(item, key)
    if isinstance(found, bool) or not isinstance(found, int | None):
        raise _Odd(f"has no number at {key!r}")
    return found or 0


def _list(item: Any, key: str) -> list[Any]:
    found = _at(item, key)
    if not isinstance(found, list | None):
        raise _Odd(f"has no list at {key!r}")
    return found or []

"""Results of other scanners in SARIF: each one leak, with a known value or line, or by itself."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote

import pandas as pd
from pydantic import BaseModel, Field, StringConstraints, ValidationError

from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.files import read_source
from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted
from audit_lib.leaks.contracts import LeakTargets, Sightings
from audit_lib.leaks.rules import Rules, Shape, is_available
from audit_lib.leaks.targets import weakness

_LARGEST = 64 << 20  # bytes
_MOST_FAULTS = 20  # that are listed
_WITHHELD = re.compile(r"(?i)redact|\*\*\*|\.\.\.$|…|^<.*>$")
_WORD = re.compile(r"\S{8,4096}")
_NO_VALUE = "reported by {rule}; the report does not hold its value, so that nobody can say if it is in force"
_Name = Annotated[str, StringConstraints(min_length=1)]


class _Snippet(BaseModel):
    text: str = ""


class _Region(BaseModel):
    startLine: int = 0  # noqa: N815  SARIF's own names
    snippet: _Snippet = _Snippet()


class _File(BaseModel):
    uri: _Name


class _Physical(BaseModel):
    artifactLocation: _File  # noqa: N815
    region: _Region = _Region()


class _Location(BaseModel):
    physicalLocation: _Physical  # noqa: N815


class _Result(BaseModel):
    ruleId: _Name  # noqa: N815
    locations: Annotated[list[_Location], Field(min_length=1)]
    partialFingerprints: dict[str, str] = {}  # noqa: N815


class _Run(BaseModel):
    results: list[_Result] | None = None


class _Report(BaseModel):
    """A report in SARIF 2.1.0, as far as it is read."""

    runs: list[_Run]


@dataclass(frozen=True, order=True)
class Reported:
    """One result of another scanner. `fingerprint` is "" if the report does not hold the value whole."""

    path: str
    line: int
    rule: str
    commit: str
    fingerprint: str

    @property
    def shape(self) -> Shape:
        """Its value, to be searched for like what rules found."""
        return Shape(self.fingerprint, "", self.rule)

    @property
    def key(self) -> str:
        """What stands for the fingerprint of a value that nobody holds: no value has such a one."""
        return self.fingerprint or f"{self.rule}:{self.path}:{self.line}"


def read_reports(files: tuple[Path, ...], root: Path, rules: Rules) -> list[Reported]:
    """Every result of every report, once; the keeper holds the values that they give.

    Raises:
        BadInput: a file that cannot be read or is no SARIF, and every result without a rule or place.
    """
    value_in = cache(lambda text: _fingerprint(text, rules))
    return sorted({_reported(result, root, value_in) for file in files for result in _results(file)})


def _results(file: Path) -> Iterator[_Result]:
    content = read_source(file.parent, file.name, _LARGEST).content
    try:
        report = _Report.model_validate_json(content.removeprefix(b"\xef\xbb\xbf"))
    except ValidationError as error:
        faults = [
            Fault(".".join([str(file), *map(str, fault["loc"])]), fault["msg"])
            for fault in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        left = len(faults) - _MOST_FAULTS
        more = [Fault(str(file), counted(left, "more fault"))] if left > 0 else []
        raise BadInput([*faults[:_MOST_FAULTS], *more]) from None
    for run in report.runs:
        yield from run.results or ()


def _reported(result: _Result, root: Path, value_in: Callable[[str], str]) -> Reported:
    place = result.locations[0].physicalLocation
    path = unquote(place.artifactLocation.uri.removeprefix("file://"))
    path = path.removeprefix(f"{root.resolve()}/").removeprefix("./")
    commit, value = result.partialFingerprints.get("commitSha", ""), value_in(place.region.snippet.text)
    return Reported(path, place.region.startLine, result.ruleId, commit, value)


def _fingerprint(text: str, rules: Rules) -> str:
    """The value in a text: what looks like one, else the text if it is a word; "" for none, or several."""
    if not text or _WITHHELD.search(text):
        return ""
    found = {shape.fingerprint for shape in rules.find(text.encode())} if is_available() else set()
    if not found and _WORD.fullmatch(text):
        found = {rules.keeper.take(text)}
    value = found.pop() if len(found) == 1 else ""
    return value if value and not weakness(value, rules.keeper) else ""


def with_reported(
    reported: Iterable[Reported], sightings: pd.DataFrame, targets: pd.DataFrame, scrub: Callable[[str], str]
) -> tuple[pd.DataFrame, pd.DataFrame, list[dict[str, Any]]]:
    """`Sightings` and `LeakTargets` with what the search has not found, and rows of LeakCoverage.

    A result joins a leak that has its value, or without one a leak on its very line. Any other is a leak
    at the place that its scanner named.
    """
    every, known = list(reported), set(sightings["fingerprint"])
    lines = {(row.path, row.line) for row in rows(sightings)}
    own = [
        one
        for one in every
        if not (one.fingerprint in known if one.fingerprint else (one.path, one.line or None) in lines)
    ]
    nameless = {one.key: _target(one) for one in own if not one.fingerprint}.values()
    count = sum(not one.fingerprint for one in every)
    row = {"part": "reports", "place": ".", "state": "searched", "count": len(every), "reason": ""}
    why = f"{counted(count, 'result')} of other scanners without a value: compared by place alone"
    without = [row | {"state": "partly", "count": count, "reason": why}] if count else []
    return (
        Sightings.checked(pd.concat([sightings, Sightings.of(_sighting(one, scrub) for one in own)])),
        LeakTargets.checked(pd.concat([targets, LeakTargets.of(nameless)])),
        [row, *without],
    )


def _target(one: Reported) -> dict[str, Any]:
    return {
        "fingerprint": one.key, "names": one.rule, "in_force": "", "kind": "pattern", "searched": "not searched",
        "variable": f"{one.rule} (reported)",  # no variable has such a name
        "reason": _NO_VALUE.format(rule=one.rule),
    }  # fmt: skip


def _sighting(one: Reported, scrub: Callable[[str], str]) -> dict[str, Any]:
    return {
        "fingerprint": one.key, "matched": "exact", "place": "scanner report", "path": scrub(one.path),
        "line": one.line or None, "commit": one.commit, "encoding": "as reported", "authored_at": None,
        "committed_at": None, "at_head": False, "reachable": False, "occurrences": 1,
    }  # fmt: skip

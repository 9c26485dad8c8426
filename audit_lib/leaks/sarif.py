"""Results of other scanners in SARIF: each one leak, with a known value or line, or by itself."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pandas as pd
from pydantic import AliasPath, BaseModel, Field, ValidationError

from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.files import read_source
from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted
from audit_lib.leaks.contracts import LeakCoverage, LeakTargets, Sightings
from audit_lib.leaks.rules import Rules, Shape, is_available
from audit_lib.leaks.targets import target, weakness

_LARGEST = 64 << 20  # bytes
_MOST_FAULTS = 20  # that are listed
_PLACE = ("locations", 0, "physicalLocation")
_NO_VALUE = "the report does not hold its value, so that nobody can say if it is in force"


class _Result(BaseModel):
    rule: str = Field(validation_alias="ruleId", min_length=1)
    path: str = Field(validation_alias=AliasPath(*_PLACE, "artifactLocation", "uri"), min_length=1)
    line: int = Field(0, validation_alias=AliasPath(*_PLACE, "region", "startLine"))
    text: str = Field("", validation_alias=AliasPath(*_PLACE, "region", "snippet", "text"))
    commit: str = Field("", validation_alias=AliasPath("partialFingerprints", "commitSha"))


class _Run(BaseModel):
    results: list[_Result] | None = None


class _Report(BaseModel):
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


def read_reports(files: tuple[Path, ...], root: Path, rules: Rules) -> list[Reported]:
    """Every result of every report, once; the keeper holds the values that they give.

    Raises `BadInput` for files that cannot be read or are no SARIF, and for results without a rule or place.
    """
    value_in, found, faults = cache(lambda text: _fingerprint(text, rules)), set(), []
    for file in files:
        content = read_source(file.parent, file.name, _LARGEST).content
        try:
            runs = _Report.model_validate_json(content.removeprefix(b"\xef\xbb\xbf")).runs
        except ValidationError as error:
            for fault in error.errors(include_url=False, include_context=False, include_input=False):
                faults.append(Fault(".".join(map(str, (file, *fault["loc"]))), fault["msg"]))
            continue
        for one in (result for run in runs for result in run.results or ()):
            path = unquote(one.path.removeprefix("file://")).removeprefix(f"{root.resolve()}/")
            found.add(Reported(path.removeprefix("./"), one.line, one.rule, one.commit, value_in(one.text)))
    if faults:
        more = [Fault("--import", counted(len(faults) - _MOST_FAULTS, "more fault"))]
        raise BadInput(faults[:_MOST_FAULTS] + (more if len(faults) > _MOST_FAULTS else []))
    return sorted(found)


def _fingerprint(text: str, rules: Rules) -> str:
    """The value in a text: what looks like one, else the text if it is a word; "" for none, or several."""
    if not text or re.search(r"(?i)redact|\*\*\*|\.\.\.$|…|^<.*>$", text):
        return ""
    found = {shape.fingerprint for shape in rules.find(text.encode())} if is_available() else set()
    if not found and re.fullmatch(r"\S{8,4096}", text):
        found = {rules.keeper.take(text)}
    value = found.pop() if len(found) == 1 else ""
    return value if value and not weakness(value, rules.keeper) else ""


def with_reported(
    reported: Iterable[Reported], sightings: pd.DataFrame, targets: pd.DataFrame, scrub: Callable[[str], str]
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """`Sightings` and `LeakTargets` with what the search has not found, and `LeakCoverage` of the reports.

    A result joins a leak that has its value, or without one a leak on its very line. Any other is a leak
    at the place that its scanner named.
    """
    every, known = list(reported), set(sightings["fingerprint"])
    lines = {(row.path, row.line) for row in rows(sightings)}
    seen, nameless, without = [], {}, sum(not one.fingerprint for one in every)
    for one in every:
        if one.fingerprint in known or (not one.fingerprint and (one.path, one.line or None) in lines):
            continue
        # What stands for the fingerprint of a value that nobody holds: no value has such a one.
        key = one.fingerprint or f"{one.rule}:{one.path}:{one.line}"
        row = dict.fromkeys(Sightings.columns()) | {
            "fingerprint": key,
            "matched": "exact",
            "line": one.line or None,
        }
        row |= {"place": "scanner report", "path": scrub(one.path), "commit": one.commit, "occurrences": 1}
        seen.append(row | {"encoding": "as reported", "at_head": False, "reachable": False})
        if not one.fingerprint:
            more = {"searched": "not searched", "reason": f"reported by {one.rule}; {_NO_VALUE}"}
            nameless[key] = target(key, [f"{one.rule} (reported)"], "pattern", "") | more
    why = f"{counted(without, 'result')} of other scanners without a value: compared by place alone"
    counts = [("searched", len(every), ""), *([("partly", without, why)] if without else [])]
    coverage = pd.DataFrame(counts, columns=["state", "count", "reason"]).assign(part="reports", place=".")
    return (
        Sightings.checked(pd.concat([sightings, Sightings.of(seen)])),
        LeakTargets.checked(pd.concat([targets, LeakTargets.of(nameless.values())])),
        LeakCoverage.checked(coverage[list(LeakCoverage.columns())]),
    )

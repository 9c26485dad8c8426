"""Results of other scanners in SARIF: each one leak, with a known value or line, or by itself."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pandas as pd

from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.files import read_source
from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted
from audit_lib.leaks.contracts import LeakCoverage, LeakTargets, Sightings
from audit_lib.leaks.rules import Rules, Shape, is_available
from audit_lib.leaks.targets import weakness

_LARGEST = 64 << 20  # bytes
_MOST_FAULTS = 20  # that are listed
_WITHHELD = re.compile(r"(?i)redact|\*\*\*|\.\.\.$|…|^<.*>$")
_WORD = re.compile(r"\S{8,4096}")
_NO_VALUE = "reported by {rule}; the report does not hold its value, so that nobody can say if it is in force"


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


class _Odd(Exception):
    """A result is not as SARIF has it; the message says how."""


def read_reports(files: tuple[Path, ...], root: Path, rules: Rules) -> list[Reported]:
    """Every result of every report, once; the keeper holds the values that they give.

    Raises:
        BadInput: a file that cannot be read or is no SARIF, and every result without a rule or place.
    """
    found: set[Reported] = set()
    faults: list[Fault] = []
    value_in = cache(lambda text: _fingerprint(text, rules))
    for file in files:
        for number, result in enumerate(_results(file), 1):
            try:
                found.add(_reported(result, root, value_in))
            except _Odd as odd:
                faults.append(Fault(str(file), f"result {number:,} {odd}"))
    if faults:
        left = len(faults) - _MOST_FAULTS
        more = [Fault("--import", counted(left, "more fault"))] if left > 0 else []
        raise BadInput([*faults[:_MOST_FAULTS], *more])
    return sorted(found)


def _results(file: Path) -> Iterator[Any]:
    content = read_source(file.parent, file.name, _LARGEST).content
    try:
        document = json.loads(content.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise BadInput.at(f"{file}:{error.lineno}", f"is not JSON ({error.msg})") from None
    except UnicodeDecodeError:
        raise BadInput.at(str(file), "is not UTF-8") from None
    except RecursionError:
        raise BadInput.at(str(file), "is nested too deeply") from None
    runs = document.get("runs") if isinstance(document, dict) else None
    if not isinstance(runs, list) or not all(isinstance(run, dict) for run in runs):
        raise BadInput.at(str(file), "must be a report in SARIF 2.1.0, which has a list of runs")
    for run in runs:
        results = run.get("results") or []
        if not isinstance(results, list):
            raise BadInput.at(str(file), "has no list at 'results'")
        yield from results


def _reported(result: Any, root: Path, value_in: Callable[[str], str]) -> Reported:
    locations = _at(result, list, "locations") or [{}]
    region = _at(locations[0], dict, "physicalLocation", "region") or {}
    path = _at(locations[0], str, "physicalLocation", "artifactLocation", "uri") or ""
    rule = _at(result, str, "ruleId") or _at(result, str, "rule", "id")
    for what, given in (("rule", rule), ("file", path)):
        if not given:
            raise _Odd(f"names no {what}")
    path = unquote(path.removeprefix("file://")).removeprefix(f"{root.resolve()}/").removeprefix("./")
    commit = _at(result, str, "partialFingerprints", "commitSha") or ""
    value = value_in(_at(region, str, "snippet", "text") or "")
    return Reported(path, _at(region, int, "startLine") or 0, rule, commit, value)


def _at(item: Any, kind: type, *keys: str) -> Any:
    """What is below some keys, of a kind; None if there is nothing."""
    for key in keys:
        if item is not None and not isinstance(item, dict):
            raise _Odd(f"has no object at {key!r}")
        item = (item or {}).get(key)
    if item is not None and (not isinstance(item, kind) or isinstance(item, bool)):
        raise _Odd(f"has no {kind.__name__} at {keys[-1]!r}")
    return item


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
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """`Sightings` and `LeakTargets` with what the search has not met, and `LeakCoverage` of the reports.

    A result joins a leak that has its value, or without one a leak on its very line. Any other is a leak
    at the place that its scanner named.
    """
    known = set(sightings["fingerprint"])
    lines = {(one.path, one.line) for one in rows(sightings)}
    every = list(reported)
    own = [
        one
        for one in every
        if not (one.fingerprint in known if one.fingerprint else (one.path, one.line or None) in lines)
    ]
    seen = Sightings.of(_sighting(one, scrub) for one in own)
    nameless = LeakTargets.of({one.key: _target(one) for one in own if not one.fingerprint}.values())
    coverage = LeakCoverage.of(_coverage(len(every), sum(not one.fingerprint for one in every)))
    return (
        Sightings.checked(pd.concat([sightings, seen])),
        LeakTargets.checked(pd.concat([targets, nameless])),
        coverage,
    )


def _target(one: Reported) -> dict[str, Any]:
    return {
        "fingerprint": one.key,
        "variable": f"{one.rule} (reported)",  # no variable has such a name
        "names": one.rule,
        "in_force": "",
        "kind": "pattern",
        "searched": "not searched",
        "reason": _NO_VALUE.format(rule=one.rule),
    }


def _sighting(one: Reported, scrub: Callable[[str], str]) -> dict[str, Any]:
    return {
        "fingerprint": one.key,
        "matched": "exact",
        "place": "scanner report",
        "path": scrub(one.path),
        "line": one.line or None,
        "commit": one.commit,
        "encoding": "as reported",
        "authored_at": None,
        "committed_at": None,
        "at_head": False,
        "reachable": False,
        "occurrences": 1,
    }


def _coverage(total: int, withheld: int) -> Iterator[dict[str, Any]]:
    row = {"part": "reports", "place": ".", "state": "searched", "count": total, "reason": ""}
    yield row
    if withheld:
        why = f"{counted(withheld, 'result')} of other scanners without a value: compared by place alone"
        yield row | {"state": "partly", "count": withheld, "reason": why}

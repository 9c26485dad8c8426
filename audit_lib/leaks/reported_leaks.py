"""Makes each result of another scanner one leak: a known one with its value or line, or one of its own."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted
from audit_lib.leaks.contracts import LeakCoverage, LeakTargets, Sightings
from audit_lib.leaks.scanner_reports import Reported
from audit_lib.leaks.secret_patterns import Shape

_NO_VALUE = "reported by {rule}; the report does not hold its value, so that nobody can say if it is in force"


def reported_shapes(reported: Iterable[Reported]) -> list[Shape]:
    """The values that reports hold, to be searched for like what patterns found."""
    return [Shape(one.fingerprint, "", one.rule) for one in reported if one.fingerprint]


def with_reported(
    reported: Iterable[Reported], sightings: pd.DataFrame, targets: pd.DataFrame, scrub: Callable[[str], str]
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """`Sightings` and `LeakTargets` with what the search has not met, and `LeakCoverage` of the reports.

    A result joins a leak that has its value, or without one a leak on its very line. Any other is a leak
    at the place that its scanner named.
    """
    known = set(sightings["fingerprint"])
    lines = {(one.path, one.line) for one in rows(sightings)}
    own: list[Reported] = []
    total = withheld = 0
    for one in reported:
        total += 1
        withheld += not one.fingerprint
        met = one.fingerprint in known if one.fingerprint else (one.path, one.line or None) in lines
        if not met:
            own.append(one)
    seen = Sightings.of(_sighting(one, scrub) for one in own)
    nameless = {_key(one): _target(one) for one in own if not one.fingerprint}
    coverage = LeakCoverage.of(_coverage(total, withheld))
    return (
        Sightings.checked(pd.concat([sightings, seen])),
        LeakTargets.checked(pd.concat([targets, LeakTargets.of(nameless.values())])),
        coverage,
    )


def _key(one: Reported) -> str:
    """What stands for the fingerprint of a value that nobody holds: no value has such a one."""
    return one.fingerprint or f"{one.rule}:{one.path}:{one.line}"


def _target(one: Reported) -> dict[str, Any]:
    return {
        "fingerprint": _key(one),
        "variable": f"{one.rule} (reported)",  # no variable has such a name
        "names": one.rule,
        "in_force": "",
        "kind": "pattern",
        "searched": "not searched",
        "reason": _NO_VALUE.format(rule=one.rule),
    }


def _sighting(one: Reported, scrub: Callable[[str], str]) -> dict[str, Any]:
    return {
        "fingerprint": _key(one),
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

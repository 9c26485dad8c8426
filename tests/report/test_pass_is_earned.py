"""Take away what PASS_NEEDS name, one after another: no review without it is a pass, nor its score good."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from operator import methodcaller

import pandas as pd
import pytest

from audit_lib.findings.checks import CHECKS
from audit_lib.report.judge import PASS_NEEDS, score, verdict
from audit_lib.report.summary import summarise
from audit_lib.settings import LogSource
from tests.support import made_up_audit as frames
from tests.support.rows import contract_of, filled, rows_of

Change = Callable[[pd.DataFrame], pd.DataFrame]
FOUND, AGES, READ = frames.findings(), frames.freshness(), frames.sources().query("state == 'read'")
WHOLE = {
    "sources": READ, "freshness": AGES.query("status in ('fresh', 'due', 'exempt')"),
    "findings": FOUND.query("status == 'accepted'"), "population": rows_of("population", {}),
    "leak_coverage": frames.leak_coverage(), "detections": rows_of("detections", {"detection": "let-in"}),
}  # fmt: skip
NONE = {name: table.head(0) for name, table in WHOLE.items()}
_query, _assign = partial(methodcaller, "query"), partial(methodcaller, "assign")


def _beside(source: str, kind: str, state: str) -> Change:
    """The sources with one more of a kind and a state."""
    row = filled(contract_of("sources"), [{"source": source, "kind": kind, "state": state}])
    return lambda sources: pd.concat([sources, row])


_nothing = _query("index < 0")
UNSEARCHED = tuple(_assign(state=state) for state in ("incomplete", "not searched", "partly"))
UNSEARCHED += (_nothing, _query("part != 'git objects'"), _query("part != 'values'"))
# In the order of PASS_NEEDS: the table, and ways in which what is needed is missing from it.
REMOVED: tuple[tuple[str, tuple[Change, ...]], ...] = (
    ("sources", (_query("kind == 'log'"),)),
    ("population", (_nothing, _assign(code_seen=False))),
    ("sources", (_beside("docs/SECRETS.md", "guide", "unreadable"),)),
    ("sources", (_beside("leavers.csv", "leaver list", "missing"),)),
    ("freshness", (_nothing, _query("status == 'exempt'"))),
    ("sources", (_query("kind != 'log'"),)),
    ("audit.toml", ()),  # test_logs_that_nobody_counted_are_no_pass
    ("detections", (_assign(detection="application-failing", verdict="found", subject="all sources"),)),
    ("detections", (_nothing, _assign(verdict="unknown", severity="medium"))),
    ("leak_coverage", UNSEARCHED),
    ("sources", (_beside(".audit/ledger", "ledger", "unreadable"),)),
    ("settings_changes", (lambda _: rows_of("settings_changes", {"known": False}),)),
)
CASES = [(name, remove) for _, (name, ways) in zip(PASS_NEEDS, REMOVED, strict=True) for remove in ways]
EXEMPT, CLOSED = AGES.query("status == 'exempt'"), NONE["findings"]


@pytest.mark.parametrize(("name", "remove"), CASES)
def test_without_what_is_needed_nothing_passes(name: str, remove: Change) -> None:
    """Whichever is taken away, the verdict is unknown: it is never pass."""
    assert verdict(frames.audit(**{**WHOLE, name: remove(WHOLE.get(name))})) == "unknown"


@pytest.mark.parametrize(
    ("instances", "assumed", "expected"), [(1, False, "pass"), (0, False, "unknown"), (1, True, "unknown")]
)
def test_logs_that_nobody_counted_are_no_pass(instances: int, assumed: bool, expected: str) -> None:
    """While nobody says how many instances write a log, or the zone of times without one: no pass."""
    audit = frames.audit(**{**WHOLE, "sources": READ.assign(zone_assumed=assumed)})
    audit.project = replace(audit.project, log_sources=(LogSource("app.log", instances=instances),))
    assert verdict(audit) == expected


def test_each_check_has_a_need() -> None:
    """The table of docs/detections.md covers the table of every check, and no other."""
    assert {check.table for check in CHECKS} == {table for need in PASS_NEEDS for table in need.tables}


@pytest.mark.parametrize(("changed", "expected"), [
    ({}, "pass"),
    ({"findings": FOUND.query("status == 'open'")}, "fail"),
    ({"findings": FOUND.query("status == 'unknown'")}, "unknown"),
    ({"findings": FOUND.query("status == 'open'").assign(severity="info")}, "pass"),
    ({"freshness": AGES.query("status == 'unknown'")}, "unknown"),
    ({"sources": frames.sources()}, "unknown"),
    ({"sources": NONE["sources"], "freshness": NONE["freshness"], "findings": CLOSED}, "unknown"),
    ({"freshness": NONE["freshness"], "findings": CLOSED}, "unknown"),
    ({"freshness": EXEMPT, "findings": CLOSED}, "unknown"),
])  # fmt: skip
def test_the_unknown_is_never_good(changed: dict[str, pd.DataFrame], expected: str) -> None:
    """Fail needs an open finding; pass needs everything known, and then the score has no width."""
    audit = frames.audit(**{**WHOLE, **changed})
    assert (verdict(audit) if changed else summarise(audit).verdict) == expected
    assert expected != "pass" or len(set(score(audit))) == 1


def test_the_unknown_widens_the_score() -> None:
    """Six secrets and a file missing: two open findings, one accepted on its own subject, three unknown. And
    without a subject the score is 0 to 100, never 100."""
    assert score(frames.audit()) == (100 * 3 // 8, 100 * 6 // 8)
    empty = {name: NONE[name] for name in ("sources", "freshness", "findings")}
    assert score(frames.audit(**empty)) == (0, 100)

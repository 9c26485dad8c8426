"""Take away what PASS_NEEDS name, one after another: no review without it is a pass, nor its score good."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pandas as pd
import pytest

from audit_lib.base.frames import Sources
from audit_lib.findings.checks import CHECKS
from audit_lib.report.judge import PASS_NEEDS, score, verdict
from audit_lib.settings import LogSource
from tests.support import made_up_audit as frames
from tests.support.made_up_audit import filled
from tests.support.rows import rows_of

Change = Callable[[pd.DataFrame], pd.DataFrame]
WHOLE = {
    "sources": frames.sources().query("state == 'read'"),
    "freshness": frames.freshness().query("status in ('fresh', 'due', 'exempt')"),
    "findings": frames.findings().query("status == 'accepted'"),
    "detections": frames.detections(),
    "leak_coverage": frames.leak_coverage(),
    "population": rows_of("population", {}),
}


def _beside(source: str, kind: str, state: str) -> Change:
    """The sources with one more of a kind and a state."""
    row = filled(Sources, [{"source": source, "kind": kind, "state": state}])
    return lambda sources: pd.concat([sources, row])


def _nothing(table: pd.DataFrame) -> pd.DataFrame:
    return table.head(0)


# In the order of PASS_NEEDS: the table, and ways in which what is needed is missing from it.
REMOVED: tuple[tuple[str, tuple[Change, ...]], ...] = (
    ("sources", (lambda table: table.query("kind == 'log'"),)),
    ("population", (_nothing, lambda table: table.assign(code_seen=False))),
    ("sources", (_beside("docs/SECRETS.md", "guide", "unreadable"),)),
    ("sources", (_beside("leavers.csv", "leaver list", "missing"),)),
    ("freshness", (_nothing, lambda table: table.query("status == 'exempt'"))),
    ("sources", (lambda table: table.query("kind != 'log'"),)),
    ("audit.toml", ()),  # test_logs_that_nobody_counted_are_no_pass
    ("detections", (_nothing, lambda table: table.assign(verdict="unknown", severity="medium"))),
    (
        "leak_coverage",
        (
            _nothing,
            *(
                partial(pd.DataFrame.assign, state=state)
                for state in ("incomplete", "not searched", "partly")
            ),
            lambda table: table.query("part != 'git objects'"),
            lambda table: table.query("part != 'values'"),
        ),
    ),
    ("sources", (_beside(".audit/ledger", "ledger", "unreadable"),)),
    ("settings_changes", (lambda _: rows_of("settings_changes", {"known": False}),)),
)
CASES = [(name, remove) for _, (name, ways) in zip(PASS_NEEDS, REMOVED, strict=True) for remove in ways]


def test_all_that_is_needed_is_a_pass() -> None:
    """With everything that PASS_NEEDS name, and no open finding, the verdict is pass."""
    assert verdict(frames.audit(**WHOLE)) == "pass"


@pytest.mark.parametrize(("name", "remove"), CASES)
def test_without_what_is_needed_nothing_passes(name: str, remove: Change) -> None:
    """Whichever is taken away, the verdict is unknown: it is never pass."""
    assert verdict(frames.audit(**{**WHOLE, name: remove(WHOLE.get(name))})) == "unknown"


@pytest.mark.parametrize(
    ("instances", "assumed", "expected"), [(1, False, "pass"), (0, False, "unknown"), (1, True, "unknown")]
)
def test_logs_that_nobody_counted_are_no_pass(instances: int, assumed: bool, expected: str) -> None:
    """While nobody says how many instances write a log, or the zone of times without one: no pass."""
    sources = WHOLE["sources"].assign(zone_assumed=assumed)
    audit = frames.audit(**{**WHOLE, "sources": sources})
    log_sources = (LogSource("app.log", instances=instances),)
    audit.project = replace(audit.project, log_sources=log_sources)
    assert verdict(audit) == expected


def test_each_check_has_a_need() -> None:
    """The table of docs/detections.md covers the table of every check, and no other."""
    tables = {table for need in PASS_NEEDS for table in need.tables}
    assert {check.table for check in CHECKS} == tables


KNOWN, READ, ACCEPTED = WHOLE["freshness"], WHOLE["sources"], WHOLE["findings"]
OPEN, UNKNOWN = (frames.findings().query(f"status == '{status}'") for status in ("open", "unknown"))


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"findings": OPEN}, "fail"),
        ({"findings": UNKNOWN}, "unknown"),
        ({"findings": OPEN.assign(severity="info")}, "pass"),
        ({"freshness": frames.freshness().query("status == 'unknown'")}, "unknown"),
        ({"sources": frames.sources()}, "unknown"),
        ({"sources": READ.head(0), "freshness": KNOWN.head(0), "findings": ACCEPTED.head(0)}, "unknown"),
        ({"freshness": KNOWN.head(0), "findings": ACCEPTED.head(0)}, "unknown"),
        ({"freshness": KNOWN.query("status == 'exempt'"), "findings": ACCEPTED.head(0)}, "unknown"),
    ],
)
def test_the_unknown_is_never_good(changed: dict[str, pd.DataFrame], expected: str) -> None:
    """Fail needs an open finding; pass needs everything known, and then the score has no width."""
    audit = frames.audit(**{**WHOLE, **changed})
    assert verdict(audit) == expected
    assert expected != "pass" or len(set(score(audit))) == 1


def test_the_unknown_widens_the_score() -> None:
    """Six secrets and a file missing: two open findings, one accepted on its own subject, three unknown."""
    marks = score(frames.audit())
    assert marks == (100 * 3 // 8, 100 * 6 // 8)


def test_nothing_judged_is_every_score() -> None:
    """Without a subject the score is 0 to 100, never 100."""
    empty = {name: getattr(frames, name)().head(0) for name in ("sources", "freshness", "findings")}
    assert score(frames.audit(**empty)) == (0, 100)

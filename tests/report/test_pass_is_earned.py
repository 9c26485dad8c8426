"""Take away what PASS_NEEDS name, one after another: no review without it is a pass."""

from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest

from audit_lib.base.frames import Sources
from audit_lib.findings.checks import CHECKS
from audit_lib.report.judge import PASS_NEEDS, verdict
from audit_lib.settings import LogSource
from tests.support import made_up_audit as frames
from tests.support.made_up_audit import filled
from tests.support.rows import rows_of

Tables = dict[str, pd.DataFrame]
WHOLE: Tables = {
    "sources": frames.sources().query("state == 'read'"),
    "freshness": frames.freshness().query("status in ('fresh', 'due', 'exempt')"),
    "findings": frames.findings().query("status == 'accepted'"),
    "detections": frames.detections(),
    "leak_coverage": frames.leak_coverage(),
    "population": rows_of("population", {}),
}


def _ledger_unreadable(tables: Tables) -> pd.DataFrame:
    row = {"source": ".audit/ledger", "kind": "ledger", "state": "unreadable"}
    return pd.concat([tables["sources"], filled(Sources, [row])])


def _guide_unreadable(tables: Tables) -> pd.DataFrame:
    row = {"source": "docs/SECRETS.md", "kind": "guide", "state": "unreadable"}
    return pd.concat([tables["sources"], filled(Sources, [row])])


def _leavers_missing(tables: Tables) -> pd.DataFrame:
    row = {"source": "leavers.csv", "kind": "leaver list", "state": "missing"}
    return pd.concat([tables["sources"], filled(Sources, [row])])


def _doubted(tables: Tables) -> pd.DataFrame:
    return tables["detections"].assign(verdict="unknown", severity="medium")


# In the order of PASS_NEEDS: the table, and ways in which what is needed is missing from it.
REMOVED: tuple[tuple[str, tuple[Callable[[Tables], pd.DataFrame], ...]], ...] = (
    ("sources", (lambda tables: tables["sources"].query("kind == 'log'"),)),
    (
        "population",
        (
            lambda tables: tables["population"].head(0),
            lambda tables: tables["population"].assign(code_seen=False),
        ),
    ),
    ("sources", (_guide_unreadable,)),
    ("sources", (_leavers_missing,)),
    (
        "freshness",
        (
            lambda tables: tables["freshness"].head(0),
            lambda tables: tables["freshness"].query("status == 'exempt'"),
        ),
    ),
    ("sources", (lambda tables: tables["sources"].query("kind != 'log'"),)),
    ("audit.toml", ()),  # test_logs_that_nobody_counted_are_no_pass
    ("detections", (lambda tables: tables["detections"].head(0), _doubted)),
    (
        "leak_coverage",
        (
            lambda tables: tables["leak_coverage"].head(0),
            lambda tables: tables["leak_coverage"].assign(state="incomplete"),
            lambda tables: tables["leak_coverage"].assign(state="not searched"),
            lambda tables: tables["leak_coverage"].assign(state="partly"),
            lambda tables: tables["leak_coverage"].query("part != 'git objects'"),
            lambda tables: tables["leak_coverage"].query("part != 'values'"),
        ),
    ),
    ("sources", (_ledger_unreadable,)),
    ("settings_changes", (lambda _: rows_of("settings_changes", {"known": False}),)),
)
CASES = [
    (need, name, remove) for need, (name, ways) in zip(PASS_NEEDS, REMOVED, strict=True) for remove in ways
]


def test_all_that_is_needed_is_a_pass() -> None:
    """With everything that PASS_NEEDS name, and no open finding, the verdict is pass."""
    assert verdict(frames.audit(**WHOLE)) == "pass"


@pytest.mark.parametrize(("need", "name", "remove"), CASES)
def test_without_what_is_needed_nothing_passes(
    need: object, name: str, remove: Callable[[Tables], pd.DataFrame]
) -> None:
    """Whichever is taken away, the verdict is unknown: it is never pass."""
    assert verdict(frames.audit(**{**WHOLE, name: remove(WHOLE)})) == "unknown"


@pytest.mark.parametrize(
    ("instances", "assumed", "expected"),
    [(1, False, "pass"), (0, False, "unknown"), (1, True, "unknown")],
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

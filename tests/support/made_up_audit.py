"""A small made-up audit: every status, hostile texts, days that were read and days that were not."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from audit_lib.audit import Audit
from audit_lib.base.clock import Quarter
from audit_lib.base.frames import Contract, Sources
from audit_lib.findings.contracts import Findings
from audit_lib.leaks.contracts import LeakCoverage
from audit_lib.logins.contracts import Detections
from audit_lib.logs.contracts import LogCounts
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets.contracts import Freshness
from audit_lib.settings import Policy, Project
from tests.support.rows import TABLES, rows_of

QUARTER = Quarter(2026, 3)
AS_OF = datetime(2026, 9, 30, 23, 59, 59, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>$\\frac{1$\x1b[31m\u202e=cmd|x"


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def filled(contract: type[Contract], rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """The rows as a frame; a column that they leave out and that cannot be null holds "", no or zero."""
    least = {"str": "", "bool": False, "int64": 0, "object": (), "datetime64[us, UTC]": AS_OF}
    columns = contract.columns().items()
    blank = {
        name: least[str(column.type)]
        for name, column in columns
        if not column.nullable and str(column.type) in least
    }
    return contract.of({**blank, **row} for row in rows)


def sources() -> pd.DataFrame:
    """An env file that was read, one that is missing, a log with lines that were not understood."""
    command = "audit-lib review --env staging/frontend=-"
    rows = [
        ("backend/.env", "env file", "production", "backend", "read", "", (9, 7, 1, 1), ""),
        ("frontend/.env.local", "env file", "staging", "frontend", "missing", "no such file", None, command),
        ("backend/logs/app.log", "log", "", "backend", "read", "", (120, 110, 8, 2), ""),
    ]
    names = ("source", "kind", "environment", "service", "state", "reason", "counts", "remedy")
    lines = ("lines", "read", "not_understood", "blank")
    made = (dict(zip(names, row, strict=True)) for row in rows)
    named = ({**row, **dict(zip(lines, row.pop("counts") or (None,) * 4, strict=True))} for row in made)
    return filled(Sources, named)


def freshness() -> pd.DataFrame:
    """One secret of each status, one with a hostile name."""
    rows = [
        ("JWT_SECRET", "fresh", 3.04, 10.01, 90),
        ("API_TOKEN", "due", 80.0, 85.0, 90),
        ("DATABASE_URL", "overdue", 120.0, None, 90),
        (HOSTILE, "unknown", None, None, 180),
        ("SENTRY_DSN", "unknown", 60.0, 130.5, 90),
        ("NODE_ENV", "exempt", None, None, None),
    ]
    named = (
        {
            "secret": name,
            "environment": "production",
            "service": "backend",
            "status": status,
            "age_days_min": low,
            "age_days_max": high,
            "max_age_days": limit,
            "period_stated": limit is not None,
            "overdue_from_at": _at("2026-08-31") if status == "overdue" else None,
            "possibly_overdue_from_at": None,
            "lo_evidence": "",
            "hi_evidence": "E2 snapshot 3" if low else "",
            "reason": "no evidence" if status == "unknown" else "",
            "next_evidence": "weekly snapshots" if status == "unknown" else "",
        }
        for name, status, low, high, limit in rows
    )
    return filled(Freshness, named)


def log_counts() -> pd.DataFrame:
    """Two days of requests and messages, one group of lines without any date."""
    rows = [
        ("2026-07-01", "other", 200, "203.0.113.7", 40, 0),
        ("2026-07-01", "unauthorized", 401, "203.0.113.7", 5, 2),
        ("2026-07-02", "forbidden", 403, "203.0.113.9", 2, 0),
        ("2026-07-02", "login_failed", None, HOSTILE, 3, 0),
        (None, "unauthorized", 401, "2001:db8::1", 4, 4),
    ]
    names = ("day", "kind", "status", "client", "count", "untimed")
    made = (dict(zip(names, row, strict=True)) for row in rows)
    named = (
        {**row, "file": "app.log", "method": "GET", "route": "/api/x" if row["status"] else ""}
        for row in made
    )
    return filled(LogCounts, named)


def findings() -> pd.DataFrame:
    """An open, an accepted and an unknown finding; the open one quotes a hostile line."""
    rows = [
        ("stale-secret", "high", "open", "DATABASE_URL", HOSTILE),
        ("weak-value", "medium", "open", "API_TOKEN", "strength 41.0 bits"),
        ("untracked-file", "low", "accepted", "backend/.env", "tracked yes"),
        ("unknown-age", "medium", "unknown", "SENTRY_DSN", "no evidence"),
    ]
    named = (
        {
            "id": f"{check}:{subject}:production:backend",
            "check": check,
            "severity": severity,
            "status": status,
            "subject": subject,
            "environment": "production",
            "service": "backend",
            "evidence": evidence,
            "where": ("backend/.env:3",),
            "remedy": f"Rotate {subject}.",
            "controls": ("NIST IA-5", "ISO A.5.17"),
            "guide_lines": ("12", "40"),
            "accepted_by": "owner" if status == "accepted" else "",
            "accepted_until_at": _at("2026-12-01") if status == "accepted" else None,
        }
        for check, severity, status, subject, evidence in rows
    )
    return filled(Findings, named)


def detections() -> pd.DataFrame:
    """A detection that found nothing where the logs would have shown it."""
    return filled(Detections, [{"detection": "guessing", "verdict": "none", "severity": "info"}])


def leak_coverage() -> pd.DataFrame:
    """Git and files, both searched, for three values."""
    parts = ("git objects", "files", "values")
    rows = ({"part": part, "place": ".", "state": "searched", "count": 3} for part in parts)
    return filled(LeakCoverage, rows)


def audit(**changed: pd.DataFrame) -> Audit:
    """The made-up audit; a frame given by name stands in for the usual one."""
    events = ("changes", "rotations", "sign_offs")
    names = ("evidence", "leaks", "leak_places", "leak_lives", "exposure", *events)
    empty = {name: CONTRACTS[_contract(name)].of([]) for name in names}
    empty |= {name: contract.of([]) for name, (contract, _) in TABLES.items()}
    made = {
        "sources": sources(),
        "freshness": freshness(),
        "log_counts": log_counts(),
        "findings": findings(),
        "detections": detections(),
        "leak_coverage": leak_coverage(),
        "population": rows_of("population", {}),
    }
    made_up = Audit(
        project=Project("shop", Path("/nowhere/shop")),
        policy=Policy("shop", Path("shop.toml"), "0" * 64, ()),
        quarter=QUARTER,
        as_of=AS_OF,
        keeper=Keeper(Key(b"k" * 32, "file")),
    )
    frames = {**empty, **made, **changed}
    # Checks know the ages by another name.
    vars(made_up).update(frames | {"ages": frames["freshness"], "checked": frames})
    return made_up


CONTRACTS = {contract.__name__: contract for contract in Contract.__subclasses__()}


def _contract(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))

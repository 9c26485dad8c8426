"""A row without fault for each table that a check looks at; tests change what they are about."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from audit_lib import contracts

NOW = pd.Timestamp("2026-09-30", tz="UTC")
TABLES: Mapping[str, tuple[type[contracts.Contract], dict[str, Any]]] = {
    "inventory": (
        contracts.Inventory,
        {
            "secret": "API_TOKEN",
            "variable": "API_TOKEN",
            "environment": "production",
            "service": "backend",
            "kind": "secret",
            "required": "always",
            "component": "whole",
            "state": "present",
            "source": "backend/.env",
            "line": 3,
            "origin": "env file",
            "fingerprint": "f",
            "placeholder": False,
            "compromised": False,
            "template": False,
            "length": "ok",
            "min_length": 20,
            "good_length": 43,
            "format": "url-safe",
            "format_ok": True,
            "strength_bits": 250.0,
            "public": False,
            "max_age_days": 90,
            "guide_lines": "",
        },
    ),
    "drift": (
        contracts.Drift,
        {
            "secret": "API_TOKEN",
            "environment": "production",
            "service": "backend",
            "other_secret": "OTHER_TOKEN",
            "other_environment": "production",
            "other_service": "frontend",
            "component": "whole",
            "relation": "different",
            "expected": "different",
            "why": "names",
            "group": "",
        },
    ),
    "freshness": (
        contracts.Freshness,
        {
            "secret": "API_TOKEN",
            "environment": "production",
            "service": "backend",
            "status": "fresh",
            "age_days_min": 10.0,
            "age_days_max": 17.0,
            "max_age_days": 90,
            "lo_at": NOW - pd.Timedelta(days=17),
            "hi_at": NOW - pd.Timedelta(days=10),
            "lo_evidence": "E1 snapshot",
            "hi_evidence": "E1 snapshot",
            "reason": "",
            "next_evidence": "",
            "conflict": False,
            "claimed_not_done": False,
            "rotated_back": False,
            "unrecorded_rotation": False,
            "evidence_left_out": 0,
        },
    ),
    "sources": (
        contracts.Sources,
        {
            "source": "backend/.env",
            "kind": "env file",
            "environment": "development",
            "service": "backend",
            "state": "read",
            "reason": "",
            "lines": 10,
            "read": 10,
            "not_understood": 0,
            "blank": 0,
            "mode": "0600",
            "tracked": False,
            "ignored": True,
            "remedy": "",
        },
    ),
    "entries": (
        contracts.EnvEntries,
        {
            "source": "backend/.env",
            "kind": "env file",
            "environment": "production",
            "service": "backend",
            "line": 3,
            "state": "read",
            "name": "API_TOKEN",
            "fingerprint": "f",
            "faults": "",
        },
    ),
    "log_events": (
        contracts.LogEvents,
        {
            "source": "app.log",
            "line": 3,
            "at": NOW,
            "not_before_at": NOW,
            "not_after_at": NOW,
            "day": "2026-09-30",
            "kind": "unauthorized",
            "message": "",
            "status": 401,
            "client": "192.0.2.1",
            "method": "GET",
            "route": "/api",
            "subject": "",
        },
    ),
    "log_coverage": (
        contracts.LogCoverage,
        {
            "quarter": "2026Q3",
            "files": 1,
            "lines": 100,
            "counted": 90,
            "untimed": 0,
            "days_read": 92,
            "days": 92,
            "places": "app.log",
            "remedy": "",
        },
    ),
    "guide_searches": (
        contracts.GuideSearches,
        {
            "pattern": "401 Unauthorized",
            "path": "logs/*.log",
            "guide_line": "410",
            "means": "unauthorized",
            "counted": 5,
            "can_match": True,
        },
    ),
    "acceptances": (
        contracts.Acceptances,
        {
            "accepted_id": "due-secret:API_TOKEN:production/backend",
            "by": "R. Eviewer",
            "reason": "planned",
            "until_at": NOW,
            "expired": False,
            "matches": True,
        },
    ),
    "ledger_faults": (contracts.LedgerFaults, {"place": "alice.jsonl:3", "fault": ""}),
}


def rows_of(table: str, *changes: Mapping[str, Any]) -> pd.DataFrame:
    """The table by its contract, with one row for each change to the row without fault."""
    contract, row = TABLES[table]
    return contract.of({**row, **change} for change in changes)

"""How old each secret is, as an interval, and what follows: fresh, due, overdue, unknown, exempt."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from audit_lib.base.contracts import Freshness, rows
from audit_lib.base.in_words import instant_words
from audit_lib.project.policy import Policy
from audit_lib.secrets.age_interval import SAME_TIME, Agreement, Bounds, agreement, status_of

DAY_SECONDS = 86_400
Rows = dict[str, list[Any]]  # the pieces of one place, by role

NOTHING_IN_FORCE = {"missing": "missing: no value is in force", "empty": "empty: no value is in force"}


@dataclass(frozen=True)
class _Age:
    """The interval that decides, and what it was drawn from."""

    lo_at: datetime | None
    hi_at: datetime | None
    lo_label: str
    hi_label: str
    tenure: Agreement
    reused: bool  # the value was surely seen before its tenure began


def tabulate_freshness(
    inventory: pd.DataFrame, evidence: pd.DataFrame, policy: Policy, as_of: datetime
) -> pd.DataFrame:
    """A frame of `Freshness`: one row for each secret or identifier in each environment and service.

    The status is decided on tenure; a sighting of the same value before its tenure moves the age up
    (docs/evidence.md#clocks). Claims bound nothing. Where pieces contradict each other and would not all give
    the same status, it is unknown.
    """
    pieces: dict[tuple[str, str, str], Rows] = defaultdict(lambda: defaultdict(list))
    for row in rows(evidence):
        pieces[row.secret, row.environment, row.service][row.role].append(row)
    table = [
        _row(item, pieces[item.secret, item.environment, item.service], policy, as_of)
        for item in rows(inventory)
        if item.kind in ("secret", "identifier") or item.max_age_days is not None
    ]
    frame = pd.DataFrame(table, columns=list(Freshness.to_schema().columns))
    return Freshness.checked(frame.sort_values(["environment", "service", "secret"], kind="stable"))


def _row(item: Any, pieces: Rows, policy: Policy, as_of: datetime) -> dict[str, Any]:
    age = _age(pieces)
    status, reason = _verdict(item, age, pieces, policy, as_of)
    rule = policy.rule(item.secret)
    strict = rule.strict_max_age_days if rule is not None and item.max_age_days is not None else None
    stricter = None if strict is None else item._replace(max_age_days=strict)
    period = None if item.max_age_days is None else timedelta(days=int(item.max_age_days))
    values = [row for role in ("bound", "return", "sighting") for row in pieces[role]]
    value_hi = min((row.hi_at for row in values if row.hi_at is not None), default=None)
    value_lo = max((row.lo_at for row in values if row.kind == "E19"), default=None)
    return {
        "secret": item.secret,
        "environment": item.environment,
        "service": item.service,
        "status": status,
        "reason": reason,
        "age_days_min": _days(as_of, age.hi_at),
        "age_days_max": _days(as_of, age.lo_at),
        "value_age_days_min": _days(as_of, value_hi),
        "value_age_days_max": _days(as_of, value_lo),
        "max_age_days": item.max_age_days,
        "strict_max_age_days": strict,
        "strict_status": "" if stricter is None else _verdict(stricter, age, pieces, policy, as_of)[0],
        "overdue_from_at": None if period is None or age.hi_at is None else age.hi_at + period,
        "possibly_overdue_from_at": None if period is None or age.lo_at is None else age.lo_at + period,
        "lo_at": age.lo_at,
        "hi_at": age.hi_at,
        "lo_evidence": age.lo_label,
        "hi_evidence": age.hi_label,
        "next_evidence": _next(item, status, reason, age, as_of),
        "conflict": bool(age.tenure.dropped),
        **_flags(age, pieces),
        "evidence_left_out": len(pieces["left out"]),
    }


def _age(pieces: Rows) -> _Age:
    """The tenure by the bounds that agree, moved up by what was seen of the same value before."""
    tenure = agreement(_bounds(pieces["bound"]))
    lo_at, hi_at, lo_label, hi_label = tenure.lo_at, tenure.hi_at, tenure.lo_label, tenure.hi_label
    if hi_at is None:
        return _Age(lo_at, hi_at, lo_label, hi_label, tenure, reused=False)
    before = [one for one in _bounds(pieces["return"] + pieces["sighting"]) if one.hi_at is not None]
    earliest = min(before, key=lambda one: (one.hi_at, one.label), default=None)
    if earliest is not None and earliest.hi_at is not None and earliest.hi_at < hi_at:
        hi_at, hi_label = earliest.hi_at, earliest.label
    latest = None if tenure.lo_at is None else tenure.lo_at + SAME_TIME
    surely = [one for one in before if latest is not None and one.hi_at is not None and one.hi_at <= latest]
    if surely:
        # In use before: how long is bounded only as far as that earlier use is.
        oldest = min(surely, key=lambda one: (one.lo_at is not None, one.lo_at or one.hi_at, one.label))
        lo_at, lo_label = oldest.lo_at, oldest.label if oldest.lo_at is not None else ""
    return _Age(lo_at, hi_at, lo_label, hi_label, tenure, reused=bool(surely))


def _bounds(pieces: Iterable[Any]) -> list[Bounds]:
    return [
        Bounds(
            row.lo_at,
            row.hi_at,
            int(row.confidence),
            f"{row.kind} {row.source}: {row.text}",
        )
        for row in pieces
    ]


def _verdict(item: Any, age: _Age, pieces: Rows, policy: Policy, as_of: datetime) -> tuple[str, str]:
    """The status and, of unknown and exempt, the reason."""
    exempt = _exempt(item, pieces)
    if exempt or item.state == "not supplied":
        return ("exempt", exempt) if exempt else ("unknown", "not supplied")
    if not pieces["bound"]:
        return "unknown", "reviewed late" if pieces["left out"] else "no evidence"
    period, warn = int(item.max_age_days), policy.warn_days
    status = status_of(age.lo_at, age.hi_at, as_of, period, warn)
    others = {status_of(one.lo_at, one.hi_at, as_of, period, warn) for one in age.tenure.dropped}
    if others - {status}:
        return "unknown", "conflict"
    return status, "straddles" if status == "unknown" else ""


def _exempt(item: Any, pieces: Rows) -> str:
    """Why no age is to be known here; "" if one is."""
    if item.max_age_days is None:
        return "no limit in the policy"
    if item.state in NOTHING_IN_FORCE:
        effective = [row for row in pieces["claim"] if row.clock == "effective"]
        return str(effective[-1].text) if effective else NOTHING_IN_FORCE[item.state]
    return "placeholder: no secret is in force" if item.placeholder else ""


def _flags(age: _Age, pieces: Rows) -> dict[str, bool]:
    tenure_hi, tenure_lo = age.tenure.hi_at, age.tenure.lo_at
    recorded = [row for row in pieces["claim"] if row.kind in ("E8", "E9", "E10")]
    latest = max(recorded, key=lambda row: row.observed_at, default=None)
    not_done = tenure_hi is not None and any(row.lo_at >= tenure_hi for row in recorded)
    changed_after = tenure_lo is not None and latest is not None and _ends(latest) <= tenure_lo
    return {
        "claimed_not_done": not_done,
        "rotated_back": bool(pieces["return"]),
        "unrecorded_rotation": latest is not None and (latest.kind == "E9" or changed_after),
    }


def _ends(row: Any) -> datetime:
    """By when what was recorded had happened: by the recording, and by the end of what it claims."""
    ends: list[datetime] = [at for at in (row.observed_at, row.hi_at) if at is not None]
    return max(ends)


def _next(item: Any, status: str, reason: str, age: _Age, as_of: datetime) -> str:
    """The cheapest evidence that would decide; "" if nothing is to be decided."""
    if status != "unknown":
        return ""
    if reason == "not supplied":
        return f"Supply its values: --env {item.environment}/{item.service}=FILE (or - for stdin)"
    if reason == "conflict":
        return "Find out which piece of evidence is right: one was dated or copied wrongly"
    if age.hi_at is None:
        return "Take a snapshot now, then one each week: audit-lib snapshot"
    overdue_from = age.hi_at + timedelta(days=int(item.max_age_days))
    text = "Look up its creation date at the provider"
    if age.lo_at is not None:
        changed_by = as_of - timedelta(days=int(item.max_age_days))
        text += f" (overdue if changed before {instant_words(changed_by)})"
    return (
        f"{text}, or rotate it with a snapshot just before and just after. "
        f"Otherwise it is overdue from {instant_words(overdue_from)}"
    )


def _days(as_of: datetime, since: datetime | None) -> float | None:
    return None if since is None else max(0.0, (as_of - since).total_seconds() / DAY_SECONDS)

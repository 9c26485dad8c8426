"""How old each secret is, as an interval, and what follows: fresh, due, overdue, unknown, exempt."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil, floor
from typing import Any

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.base.in_words import instant_words
from audit_lib.secrets.age_interval import CLOCK_SLACK, SAME_TIME, Agreement, Bounds, agreement, status_of
from audit_lib.secrets.contracts import Freshness
from audit_lib.secrets.value_rules import is_made_up
from audit_lib.settings import Policy

DAY = timedelta(days=1)
RECORDED = ("E8", "E9", "E10")
SEEN = ("E1", "E2", "E8")  # by a snapshot or with a record
ROTATED = ("E1", "E8")  # of those, with another value before
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
    frame = pd.DataFrame(table, columns=list(Freshness.columns()))
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
        "age_days_min": _at_least(as_of, age.hi_at),
        "age_days_max": _at_most(as_of, age.lo_at),
        "value_age_days_min": _at_least(as_of, value_hi),
        "value_age_days_max": _at_most(as_of, value_lo),
        "max_age_days": item.max_age_days,
        "period_stated": bool(item.period_stated),
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
        **{
            "claimed_not_done": any(_not_done(row, pieces) for row in _recorded(pieces)),
            "rotated_back": bool(pieces["return"]),
            "unrecorded_rotation": _unrecorded(pieces),
        },
        "evidence_left_out": len(pieces["left out"]),
    }


def _age(pieces: Rows) -> _Age:
    """The tenure by the bounds that agree, moved up by what was seen of the same value before.

    Where bounds exclude each other, the value may be older than the more confident one has it.
    """
    tenure = agreement(_bounds(pieces["bound"]))
    lo_at, hi_at, lo_label, hi_label = tenure.lo_at, tenure.hi_at, tenure.lo_label, tenure.hi_label
    if tenure.dropped:
        lo_at, lo_label = None, ""
    if hi_at is None:
        return _Age(lo_at, hi_at, lo_label, hi_label, tenure)
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
    return _Age(lo_at, hi_at, lo_label, hi_label, tenure)


def _bounds(pieces: Iterable[Any]) -> list[Bounds]:
    return [
        Bounds(row.lo_at, row.hi_at, int(row.confidence), f"{row.kind} {row.source}: {row.text}")
        for row in pieces
    ]


def _verdict(item: Any, age: _Age, pieces: Rows, policy: Policy, as_of: datetime) -> tuple[str, str]:
    """The status and, of unknown and exempt, the reason."""
    exempt = _exempt(item, pieces)
    if exempt or (item.state == "not supplied" and not pieces["bound"]):
        return ("exempt", exempt) if exempt else ("unknown", "not supplied")
    if not pieces["bound"]:
        return "unknown", "reviewed late" if pieces["left out"] else "no evidence"
    period, warn = int(item.max_age_days), policy.warn_days
    status = status_of(age.lo_at, age.hi_at, as_of, period, warn)
    if status != "unknown":
        return status, ""
    return status, "conflict" if age.tenure.dropped else "straddles"


def _exempt(item: Any, pieces: Rows) -> str:
    """Why no age is to be known here; "" if one is."""
    if item.max_age_days is None:
        return "no limit in the policy"
    if item.public and item.exposure_severity == "info":
        return "public by the policy: it protects nothing, so it has no age"
    if item.state in NOTHING_IN_FORCE:
        effective = [row for row in pieces["claim"] if row.clock == "effective"]
        return str(effective[-1].text) if effective else NOTHING_IN_FORCE[item.state]
    if is_made_up(item.template, item.strength_bits):
        return "an example's value: no secret is in force"
    return "placeholder: no secret is in force" if item.placeholder else ""


def _recorded(pieces: Rows) -> list[Any]:
    return [row for row in pieces["claim"] if row.kind in RECORDED]


def _not_done(claim: Any, pieces: Rows) -> bool:
    """Whether the value in force was seen here before a recorded rotation, with no other since.

    A file's time is not enough: a value is written before it is recorded. One that was recorded with
    another value was rotated to that, and of a claim without a lower bound nobody can say.
    """
    seen = min((row.hi_at for row in pieces["bound"] if row.kind in SEEN), default=None)
    if seen is None or pd.isna(claim.lo_at) or claim.kind == "E9":
        return False
    return bool(claim.lo_at >= seen)


def _unrecorded(pieces: Rows) -> bool:
    """Whether the value was seen to take another's place, and no record may tell of that."""
    changes = [row for row in pieces["bound"] if row.kind in ROTATED and not pd.isna(row.lo_at)]
    return bool(changes) and not any(
        _tells_of(claim, changes[0], came_back=bool(pieces["return"])) for claim in _recorded(pieces)
    )


def _tells_of(claim: Any, change: Any, *, came_back: bool) -> bool:
    """Whether a record may be of a change. With the value in force it is, unless of an earlier stay."""
    after = claim.observed_at + CLOCK_SLACK >= change.lo_at
    if claim.kind == "E8":
        return bool(after or not came_back)
    by = change.hi_at + CLOCK_SLACK
    return claim.kind == "E10" and bool(after and (pd.isna(claim.lo_at) or claim.lo_at <= by))


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


def _at_least(as_of: datetime, since: datetime | None) -> float | None:
    """Whole days, rounded so that no more is claimed than is known."""
    return None if since is None else float(max(0, floor((as_of - since) / DAY)))


def _at_most(as_of: datetime, since: datetime | None) -> float | None:
    return None if since is None else float(max(0, ceil((as_of - since) / DAY)))

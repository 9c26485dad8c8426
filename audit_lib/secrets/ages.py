"""How old each secret is, as an interval, and what follows: fresh, due, overdue, unknown, exempt."""

from collections import defaultdict
from datetime import datetime, timedelta
from math import ceil, floor
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from audit_lib.base.frames import Field, Instant, Series, rows
from audit_lib.base.in_words import instant_words
from audit_lib.ledger.timeline import CLOCK_SLACK, SAME_TIME
from audit_lib.secrets.inventory import OfSecret
from audit_lib.secrets.value_rules import is_made_up
from audit_lib.settings import Policy

FRESHNESS = ("fresh", "due", "overdue", "unknown", "exempt")
# What bounds a tenure, the most trusted first (docs/evidence.md#combining-evidence).
TRUST = {"E1": 0, "E2": 0, "E13": 1, "E8": 2, "E14": 3, "E3": 4, "E11": 5}
SEEN = ("E1", "E2", "E8")  # by a snapshot or with a record
ROTATED = ("E1", "E8")  # of those, with another value before
DAY = timedelta(days=1)
Pieces = dict[str, list[Any]]  # the evidence of one place, by role


class Freshness(OfSecret):
    """One row for each secret in each environment: how old it is, as an interval, and what follows.

    The tenure clock runs since the value is in force here, or was seen anywhere before that.
    """

    status: Series[str] = Field(isin=FRESHNESS)
    # In whole days, rounded outwards: on the tenure clock at least so old (null: not known) …
    age_days_min: Series[float] = Field(nullable=True)
    age_days_max: Series[float] = Field(nullable=True)  # … and at most so old; null: no bound
    max_age_days: Series[pd.Int64Dtype] = Field(nullable=True)
    period_stated: Series[bool]  # somebody gives this period; else it is the policy's default
    strict_max_age_days: Series[pd.Int64Dtype] = Field(nullable=True)  # the guide's one period for all
    strict_status: Series[str] = Field(isin=("", *FRESHNESS))  # by that one; "" where it states none
    overdue_from_at: Series[Instant] = Field(nullable=True)  # provably overdue from
    possibly_overdue_from_at: Series[Instant] = Field(nullable=True)
    lo_at: Series[Instant] = Field(nullable=True)
    hi_at: Series[Instant] = Field(nullable=True)
    lo_evidence: Series[str]  # the binding evidence on that side, "" where there is none
    hi_evidence: Series[str]
    reason: Series[str]  # of unknown: no evidence | straddles | conflict | reviewed late | not supplied
    next_evidence: Series[str]  # the cheapest evidence that would decide
    conflict: Series[bool]
    claimed_not_done: Series[bool]  # a rotation was recorded, the value did not change
    rotated_back: Series[bool]  # the value was in force before, another one between
    unrecorded_rotation: Series[bool]


class RotationPairs(OfSecret):
    """One row for each two secrets that must be rotated together, in each environment that has both."""

    other_secret: Series[str]
    relation: Series[str] = Field(isin=("together", "apart", "unknown"))
    lo_at: Series[Instant] = Field(nullable=True)  # `secret` came into force after this …
    hi_at: Series[Instant] = Field(nullable=True)  # … and by this
    other_lo_at: Series[Instant] = Field(nullable=True)
    other_hi_at: Series[Instant] = Field(nullable=True)


class Interval(NamedTuple):
    """When a value came into force: after one piece of evidence and by another; None where nothing bounds."""

    lo: Any
    hi: Any
    dropped: list[Any]  # less trusted pieces, which contradict these


def tabulate_freshness(
    inventory: pd.DataFrame, evidence: pd.DataFrame, policy: Policy, as_of: datetime
) -> pd.DataFrame:
    """A frame of `Freshness`: one row for each secret or identifier in each environment and service.

    The status is decided on tenure; a sighting of the same value before its tenure moves the age up
    (docs/evidence.md#clocks). Claims bound nothing. Where pieces contradict each other and would not all give
    the same status, it is unknown.
    """
    pieces: dict[tuple[str, str, str], Pieces] = defaultdict(lambda: defaultdict(list))
    order = {"trust": True, "lo_at": False, "hi_at": True, "source": True, "text": True}
    ranked = evidence.assign(trust=evidence["kind"].map(TRUST))
    for row in rows(ranked.sort_values([*order], ascending=[*order.values()])):
        pieces[row.secret, row.environment, row.service][row.role].append(row)
    aged = inventory[inventory["kind"].isin(("secret", "identifier")) | inventory["max_age_days"].notna()]
    aged = aged.sort_values(["environment", "service", "secret"], kind="stable")
    return Freshness.of(
        _row(item, pieces[item.secret, item.environment, item.service], policy, as_of) for item in rows(aged)
    )


def _row(item: Any, pieces: Pieces, policy: Policy, as_of: datetime) -> dict[str, Any]:
    tenure, rule, exempt = agreement(pieces["bound"]), policy.rule(item.secret), _exempt(item)
    age = _age(tenure, pieces["return"] + pieces["sighting"])
    lo_at, hi_at = age.lo and age.lo.lo_at, age.hi and age.hi.hi_at
    limits = [item.max_age_days, rule and item.max_age_days and rule.strict_max_age_days]
    status, strict_status = (
        "exempt" if exempt else days and status_of(lo_at, hi_at, as_of, days, policy.warn_days)
        for days in limits
    )
    reason = _why_unknown(item, pieces, age) if status == "unknown" else exempt
    period = limits[0] and limits[0] * DAY
    return {
        **{name: getattr(item, name) for name in ("secret", "environment", "service", "max_age_days")},
        "status": status,
        "reason": reason,
        # Whole days, rounded so that no more is claimed than is known.
        "age_days_min": hi_at and max(0, floor((as_of - hi_at) / DAY)),
        "age_days_max": lo_at and max(0, ceil((as_of - lo_at) / DAY)),
        "period_stated": item.period_stated,
        "strict_max_age_days": limits[1],
        "strict_status": strict_status if limits[1] else "",
        "overdue_from_at": period and hi_at and hi_at + period,
        "possibly_overdue_from_at": period and lo_at and lo_at + period,
        "lo_at": lo_at,
        "hi_at": hi_at,
        "lo_evidence": _label(age.lo),
        "hi_evidence": _label(age.hi),
        "next_evidence": _next(item, reason, tenure, age, as_of) if status == "unknown" else "",
        "conflict": bool(age.dropped),
        "claimed_not_done": _not_done(pieces),
        "rotated_back": bool(pieces["return"]),
        "unrecorded_rotation": _unrecorded(pieces),
    }


def _label(piece: Any) -> str:
    return f"{piece.kind} {piece.source}: {piece.text}" if piece else ""


def agreement(pieces: list[Any]) -> Interval:
    """The interval of pieces in order of trust: a piece that would leave nothing of it is dropped."""
    lo, hi, dropped = None, None, []
    for piece in pieces:
        later = piece if piece.lo_at and (lo is None or piece.lo_at > lo.lo_at) else lo
        earlier = piece if piece.hi_at and (hi is None or piece.hi_at < hi.hi_at) else hi
        if later and earlier and later.lo_at >= earlier.hi_at:
            dropped.append(piece)
        else:
            lo, hi = later, earlier
    return Interval(lo, hi, dropped)


def _age(tenure: Interval, elsewhere: list[Any]) -> Interval:
    """The tenure by the bounds that agree, moved up by what was seen of the same value before.

    Where bounds exclude each other, the value may be older than the more confident one has it.
    """
    begun, hi, dropped = tenure
    lo = None if dropped else begun
    before = [piece for piece in elsewhere if piece.hi_at] if hi else []
    if surely := [piece for piece in before if begun and piece.hi_at <= begun.lo_at + SAME_TIME]:
        # In use before: how long is bounded only as far as that earlier use is.
        bounded = all(piece.lo_at for piece in surely)
        lo = min(surely, key=attrgetter("lo_at", "hi_at")) if bounded else None
    return Interval(lo, min([hi, *before], key=attrgetter("hi_at")) if before else hi, dropped)


def status_of(
    lo_at: datetime | None, hi_at: datetime | None, as_of: datetime, max_age_days: int, warn_days: int
) -> str:
    """fresh, due, overdue or unknown, by both bounds; exactly the period is due (docs/evidence.md#status)."""
    if hi_at is not None and as_of - hi_at > max_age_days * DAY:
        return "overdue"
    if lo_at is None or as_of - lo_at > max_age_days * DAY:
        return "unknown"
    return "fresh" if as_of - lo_at <= (max_age_days - warn_days) * DAY else "due"


def _exempt(item: Any) -> str:
    """Why no age is to be known here; "" if one is."""
    harmless = item.public and item.exposure_severity == "info"
    reasons = {
        "no limit in the policy": item.max_age_days is None,
        "public by the policy: it protects nothing, so it has no age": harmless,
        f"{item.state}: no value is in force": item.state in ("missing", "empty"),
        "an example's value: no secret is in force": is_made_up(item.template, item.strength_bits),
        "placeholder: no secret is in force": item.placeholder,
    }
    return next((reason for reason, applies in reasons.items() if applies), "")


def _why_unknown(item: Any, pieces: Pieces, age: Interval) -> str:
    if pieces["bound"]:
        return "conflict" if age.dropped else "straddles"
    late = "reviewed late" if pieces["left out"] else "no evidence"
    return "not supplied" if item.state == "not supplied" else late


def _next(item: Any, reason: str, tenure: Interval, age: Interval, as_of: datetime) -> str:
    """The cheapest evidence that would decide."""
    if reason == "not supplied":
        return f"Supply the values: --env {item.environment}/{item.service}=FILE (or - for stdin)"
    if reason == "conflict":
        sides = dict.fromkeys(filter(None, map(_label, (*tenure[:2], age.dropped[0]))))
        return f"Find out which is right: {' · '.join(sides)}"
    if age.hi is None:
        return "Take a snapshot now, then one each week: audit-lib snapshot"
    period = item.max_age_days * DAY
    overdue = f" (overdue if changed before {instant_words(as_of - period)})" if age.lo else ""
    return (
        f"Look up its creation date at the provider{overdue} and record it (audit-lib record {item.secret} "
        "--created-at DATE --source TEXT), or rotate it with a snapshot just before and just after. "
        f"Otherwise it is overdue from {instant_words(age.hi.hi_at + period)}"
    )


def _not_done(pieces: Pieces) -> bool:
    """Whether the value in force was seen here before a recorded rotation, with no other since.

    A file's time is not enough: a value is written before it is recorded. One that was recorded with
    another value (E9) was rotated to that, and of a claim without a lower bound nobody can say.
    """
    seen = min((row.hi_at for row in pieces["bound"] if row.kind in SEEN), default=None)
    claims = (claim.lo_at for claim in pieces["claim"] if claim.kind in ("E8", "E10"))
    return seen is not None and any(lo_at is not None and lo_at >= seen for lo_at in claims)


def _unrecorded(pieces: Pieces) -> bool:
    """Whether the value was seen to take another's place, and no record may tell of that.

    One with the value in force does, unless it is of an earlier stay; one with another value (E9) does not.
    """
    changes = [row for row in pieces["bound"] if row.kind in ROTATED and row.lo_at]
    if not changes:
        return False
    after, by = changes[0].lo_at - CLOCK_SLACK, changes[0].hi_at + CLOCK_SLACK
    later = [claim for claim in pieces["claim"] if claim.observed_at >= after]
    with_value = any(claim.kind == "E8" for claim in (later if pieces["return"] else pieces["claim"]))
    without = (claim for claim in later if claim.kind == "E10")
    return not with_value and not any(claim.lo_at is None or claim.lo_at <= by for claim in without)


def tabulate_rotation_pairs(freshness: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """`RotationPairs`: each pair that must rotate together, in each environment that has both.

    Apart: one surely began to be in force after the other had. Together: both began within the same
    interval, however wide. Else nobody can say (docs/rules.md#rule-43).
    """
    ages = freshness[freshness["status"].ne("exempt") & freshness["reason"].ne("not supplied")]
    ages = ages[["secret", "environment", "service", "lo_at", "hi_at"]]
    names = {tuple(sorted((rule.name, other))) for rule in policy.secrets for other in rule.rotates_with}
    other = {name: f"other_{name}" for name in ("secret", "lo_at", "hi_at")}
    both = pd.DataFrame(sorted(names), columns=["secret", "other_secret"], dtype="str").merge(ages)
    both = both.merge(ages.drop(columns="service").rename(columns=other))
    lo, hi, other_lo, other_hi = (both[name] for name in ("lo_at", "hi_at", "other_lo_at", "other_hi_at"))
    # Bounds are widened by what clocks may err: instants that they cannot tell apart are the same.
    same_lo = (lo - other_lo).abs().le(SAME_TIME) | (lo.isna() & other_lo.isna())
    same_hi = (hi - other_hi).abs().le(SAME_TIME)
    # In force by then, while the other began after that. Of one snapshot, which saw the one there and not
    # yet the other, the two bounds overlap by exactly what they were widened.
    first, second = ((gap <= timedelta(0)) | (gap == SAME_TIME) for gap in (hi - other_lo, other_hi - lo))
    apart = hi.notna() & other_hi.notna() & ~same_hi & (first | second)
    both["relation"] = np.select([same_lo & same_hi, apart], ["together", "apart"], "unknown")
    return RotationPairs.checked(both[list(RotationPairs.columns)])

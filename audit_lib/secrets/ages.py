"""How old each secret is, as an interval, and what follows: fresh, due, overdue, unknown, exempt."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import ceil, floor
from typing import Any

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.base.in_words import instant_words
from audit_lib.ledger.timeline import CLOCK_SLACK, SAME_TIME
from audit_lib.secrets.contracts import Freshness, RotationPairs
from audit_lib.secrets.value_rules import is_made_up
from audit_lib.settings import Policy

DAY = timedelta(days=1)
RECORDED = ("E8", "E9", "E10")
SEEN = ("E1", "E2", "E8")  # by a snapshot or with a record
ROTATED = ("E1", "E8")  # of those, with another value before
Rows = dict[str, list[Any]]  # the pieces of one place, by role
_FIRST, _NEVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Agreement:
    """The interval (lo, hi] of bounds that agree: the binding piece on each side, and what was dropped."""

    lo: Any = None
    hi: Any = None
    dropped: tuple[Any, ...] = ()

    @property
    def lo_at(self) -> datetime | None:
        """After this it began; None: no bound."""
        return None if self.lo is None else self.lo.lo_at

    @property
    def hi_at(self) -> datetime | None:
        """By this it began; None: no bound."""
        return None if self.hi is None else self.hi.hi_at


def agreement(pieces: Iterable[Any]) -> Agreement:
    """The intersection of the maximal consistent subset by confidence of pieces of evidence.

    The most confident come first; one that would leave nothing of the interval is dropped and kept as such.
    """
    result = Agreement()
    for one in sorted(pieces, key=_rank):
        joined = result
        if one.lo_at is not None and (joined.lo_at is None or one.lo_at > joined.lo_at):
            joined = replace(joined, lo=one)
        if one.hi_at is not None and (joined.hi_at is None or one.hi_at < joined.hi_at):
            joined = replace(joined, hi=one)
        if joined.lo_at is not None and joined.hi_at is not None and joined.lo_at >= joined.hi_at:
            joined = replace(result, dropped=(*result.dropped, one))
        result = joined
    return result


def _rank(one: Any) -> tuple[Any, ...]:
    return -one.confidence, (_NEVER - (one.lo_at or _FIRST)), one.hi_at or _NEVER, _label(one)


def _label(piece: Any) -> str:
    return "" if piece is None else f"{piece.kind} {piece.source}: {piece.text}"


def status_of(
    lo_at: datetime | None, hi_at: datetime | None, as_of: datetime, max_age_days: int, warn_days: int
) -> str:
    """fresh, due, overdue or unknown, by both bounds; exactly the period is due (docs/evidence.md#status)."""
    period, warning = timedelta(days=max_age_days), timedelta(days=warn_days)
    if hi_at is not None and as_of - hi_at > period:
        return "overdue"
    if lo_at is None or as_of - lo_at > period:
        return "unknown"
    return "fresh" if as_of - lo_at <= period - warning else "due"


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
    tenure = agreement(pieces["bound"])
    age = _age(tenure, pieces)
    status, reason = _verdict(item, age, pieces, policy, as_of)
    rule = policy.rule(item.secret)
    strict = rule.strict_max_age_days if rule is not None and item.max_age_days is not None else None
    stricter = None if strict is None else item._replace(max_age_days=strict)
    period = None if item.max_age_days is None else timedelta(days=int(item.max_age_days))
    values = [row for role in ("bound", "return", "sighting") for row in pieces[role]]
    value_hi = min((row.hi_at for row in values if row.hi_at is not None), default=None)
    value_lo = max((row.lo_at for row in values if row.kind == "E19"), default=None)
    recorded = [row for row in pieces["claim"] if row.kind in RECORDED]
    return {
        "secret": item.secret,
        "environment": item.environment,
        "service": item.service,
        "status": status,
        "reason": reason,
        # Whole days, rounded so that no more is claimed than is known.
        "age_days_min": _days(as_of, age.hi_at, floor),
        "age_days_max": _days(as_of, age.lo_at, ceil),
        "value_age_days_min": _days(as_of, value_hi, floor),
        "value_age_days_max": _days(as_of, value_lo, ceil),
        "max_age_days": item.max_age_days,
        "period_stated": bool(item.period_stated),
        "strict_max_age_days": strict,
        "strict_status": "" if stricter is None else _verdict(stricter, age, pieces, policy, as_of)[0],
        "overdue_from_at": None if period is None or age.hi_at is None else age.hi_at + period,
        "possibly_overdue_from_at": None if period is None or age.lo_at is None else age.lo_at + period,
        "lo_at": age.lo_at,
        "hi_at": age.hi_at,
        "lo_evidence": _label(age.lo),
        "hi_evidence": _label(age.hi),
        "next_evidence": _next(item, reason, tenure, age, as_of) if status == "unknown" else "",
        "conflict": bool(tenure.dropped),
        "claimed_not_done": any(_not_done(row, pieces) for row in recorded),
        "rotated_back": bool(pieces["return"]),
        "unrecorded_rotation": _unrecorded(pieces, recorded),
        "evidence_left_out": len(pieces["left out"]),
    }


def _days(as_of: datetime, since: datetime | None, to_whole: Any) -> float | None:
    return None if since is None else float(max(0, to_whole((as_of - since) / DAY)))


def _age(tenure: Agreement, pieces: Rows) -> Agreement:
    """The tenure by the bounds that agree, moved up by what was seen of the same value before.

    Where bounds exclude each other, the value may be older than the more confident one has it.
    """
    age = replace(tenure, lo=None) if tenure.dropped else tenure
    if age.hi_at is None:
        return age
    before = [one for one in pieces["return"] + pieces["sighting"] if one.hi_at is not None]
    earliest = min(before, key=lambda one: (one.hi_at, _label(one)), default=None)
    if earliest is not None and earliest.hi_at < age.hi_at:
        age = replace(age, hi=earliest)
    surely = [one for one in before if tenure.lo_at is not None and one.hi_at <= tenure.lo_at + SAME_TIME]
    if surely:
        # In use before: how long is bounded only as far as that earlier use is.
        oldest = min(surely, key=lambda one: (one.lo_at or _FIRST, one.hi_at, _label(one)))
        age = replace(age, lo=None if oldest.lo_at is None else oldest)
    return age


def _verdict(item: Any, age: Agreement, pieces: Rows, policy: Policy, as_of: datetime) -> tuple[str, str]:
    """The status and, of unknown and exempt, the reason."""
    if exempt := _exempt(item):
        return "exempt", exempt
    if item.state == "not supplied" and not pieces["bound"]:
        return "unknown", "not supplied"
    if not pieces["bound"]:
        return "unknown", "reviewed late" if pieces["left out"] else "no evidence"
    status = status_of(age.lo_at, age.hi_at, as_of, int(item.max_age_days), policy.warn_days)
    return status, "" if status != "unknown" else "conflict" if age.dropped else "straddles"


def _exempt(item: Any) -> str:
    """Why no age is to be known here; "" if one is."""
    if item.max_age_days is None:
        return "no limit in the policy"
    if item.public and item.exposure_severity == "info":
        return "public by the policy: it protects nothing, so it has no age"
    if item.state in ("missing", "empty"):
        return f"{item.state}: no value is in force"
    if is_made_up(item.template, item.strength_bits):
        return "an example's value: no secret is in force"
    return "placeholder: no secret is in force" if item.placeholder else ""


def _not_done(claim: Any, pieces: Rows) -> bool:
    """Whether the value in force was seen here before a recorded rotation, with no other since.

    A file's time is not enough: a value is written before it is recorded. One that was recorded with
    another value was rotated to that, and of a claim without a lower bound nobody can say.
    """
    seen = min((row.hi_at for row in pieces["bound"] if row.kind in SEEN), default=None)
    if seen is None or claim.lo_at is None or claim.kind == "E9":
        return False
    return bool(claim.lo_at >= seen)


def _unrecorded(pieces: Rows, recorded: Iterable[Any]) -> bool:
    """Whether the value was seen to take another's place, and no record may tell of that."""
    changes = [row for row in pieces["bound"] if row.kind in ROTATED and row.lo_at is not None]
    came_back = bool(pieces["return"])
    return bool(changes) and not any(_tells_of(claim, changes[0], came_back=came_back) for claim in recorded)


def _tells_of(claim: Any, change: Any, *, came_back: bool) -> bool:
    """Whether a record may be of a change. With the value in force it is, unless of an earlier stay."""
    after = claim.observed_at + CLOCK_SLACK >= change.lo_at
    if claim.kind == "E8":
        return bool(after or not came_back)
    by = change.hi_at + CLOCK_SLACK
    return claim.kind == "E10" and bool(after and (claim.lo_at is None or claim.lo_at <= by))


def _next(item: Any, reason: str, tenure: Agreement, age: Agreement, as_of: datetime) -> str:
    """The cheapest evidence that would decide."""
    if reason == "not supplied":
        return f"Supply its values: --env {item.environment}/{item.service}=FILE (or - for stdin)"
    if reason == "conflict":
        sides = dict.fromkeys(filter(None, map(_label, (tenure.lo, tenure.hi, tenure.dropped[0]))))
        return f"Find out which is right: {' · '.join(sides)}"
    if age.hi_at is None:
        return "Take a snapshot now, then one each week: audit-lib snapshot"
    period = timedelta(days=int(item.max_age_days))
    overdue = f" (overdue if changed before {instant_words(as_of - period)})" if age.lo_at is not None else ""
    return (
        f"Look up its creation date at the provider{overdue} and record it (audit-lib record {item.secret} "
        "--created-at DATE --source TEXT), or rotate it with a snapshot just before and just after. "
        f"Otherwise it is overdue from {instant_words(age.hi_at + period)}"
    )


def tabulate_rotation_pairs(freshness: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """`RotationPairs`: each pair that must rotate together, in each environment that has both.

    Apart: one surely began to be in force after the other had. Together: both began within the same
    interval, however wide. Else nobody can say (docs/rules.md#rule-43).
    """
    bounds = ["lo_at", "hi_at"]
    ages = freshness[freshness["status"].ne("exempt") & freshness["reason"].ne("not supplied")]
    ages = ages[["secret", "environment", "service", *bounds]]
    names = {tuple(sorted((rule.name, other))) for rule in policy.secrets for other in rule.rotates_with}
    both = pd.DataFrame(sorted(names), columns=["secret", "other_secret"]).merge(ages)
    others = ages.drop(columns="service").rename(columns=lambda name: f"other_{name}")
    both = both.merge(others.rename(columns={"other_environment": "environment"}))
    both["relation"] = [_relation(row) for row in rows(both)]
    return RotationPairs.checked(both[list(RotationPairs.columns())])


def _relation(pair: Any) -> str:
    """Bounds are widened by what clocks may err: instants that they cannot tell apart are the same."""
    one, two = (pair.lo_at, pair.hi_at), (pair.other_lo_at, pair.other_hi_at)
    if one[1] is None or two[1] is None:
        return "unknown"
    if all(map(_same, one, two)):
        return "together"
    for (_, ended), (began, end) in ((one, two), (two, one)):
        # In force by then, while the other began after that. Of one snapshot, which saw the one there and
        # not yet the other, the two bounds overlap by exactly what they were widened.
        if began is not None and (ended <= began or ended - began == SAME_TIME) and not _same(ended, end):
            return "apart"
    return "unknown"


def _same(one: datetime | None, two: datetime | None) -> bool:
    return one is two or (one is not None and two is not None and abs(one - two) <= SAME_TIME)

"""How old each secret is: the evidence (docs/evidence.md), the interval that it gives, and what follows."""

import base64
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from math import ceil, floor
from operator import attrgetter
from typing import Any

import numpy as np
import pandas as pd

from audit_lib.base.clock import parse_instant
from audit_lib.base.frames import Field, Instant, Series, rows
from audit_lib.base.in_words import instant_words
from audit_lib.ledger import Entry, Ledger
from audit_lib.ledger.timeline import (
    CLOCK_SLACK,
    DAY,
    SAME_TIME,
    SecretPlace,
    Timeline,
    claim_interval,
    loader_in,
    read_alike,
)
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.strength import component
from audit_lib.secrets.inventory import DEVELOPMENT, OfSecret
from audit_lib.secrets.value_rules import is_made_up
from audit_lib.settings import GivenValues, Policy

Row = dict[str, Any]  # of Evidence; `dated` is the upper bound unless it says when
FIRST_ENV_FILES = datetime(2011, 1, 1, tzinfo=UTC)  # before it no write: tools set 1980-01-01, 2010-01-01
_BY_PROVIDERS, _PROVIDER_SLACK = ("E13", "E14", "E19"), timedelta(minutes=5)  # their clocks are right
_FILE = attrgetter("source", "modified_at", "before", "returned")  # what rows of one file have in common
_RECORDED = {"E8": "with the current value", "E9": "with another value", "E10": "without its value"}
FRESHNESS = ("fresh", "due", "overdue", "unknown", "exempt")
TRUST = {"E1": 0, "E2": 0, "E13": 1, "E8": 2, "E14": 3, "E3": 4, "E11": 5}  # of bounds, most trusted first
Pieces = dict[str, list[Any]]  # the evidence of one place, by role
Interval = tuple[Any, Any, list[Any]]  # pieces that bound it below and above; less trusted ones


class Evidence(OfSecret):
    """One row for each piece of evidence of a secret's age: the true instant R satisfies lo < R <= hi.
    By its `role` it bounds the tenure; tells of a return after another value or a sighting elsewhere; is a
    claim, which bounds nothing; or is left out, dated after `as_of`."""

    kind: Series[str]  # E1 … E19 of docs/evidence.md#kinds-of-evidence
    role: Series[str] = Field(isin=("bound", "return", "sighting", "claim", "left out"))
    lo_at: Series[Instant] = Field(nullable=True)  # null: minus infinity
    hi_at: Series[Instant] = Field(nullable=True)  # null: plus infinity
    source: Series[str]  # place: ledger writer and entry, or file
    observed_at: Series[Instant]
    text: Series[str]  # for a reader


class Freshness(OfSecret):
    """One row for each secret in each environment: since when it is in force, or was seen anywhere before."""

    status: Series[str] = Field(isin=FRESHNESS)
    age_days_min: Series[float] = Field(nullable=True)  # at least so old, in whole days, rounded outwards …
    age_days_max: Series[float] = Field(nullable=True)  # … and at most; null: no bound
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


def collect_evidence(
    inventory: pd.DataFrame,
    entries: pd.DataFrame,
    sources: pd.DataFrame,
    ledger: Ledger,
    *,
    as_of: datetime,
    keeper: Keeper,
    dates: Iterable[GivenValues] = (),
) -> pd.DataFrame:
    """`Evidence`: every piece that bears on a value which is in force, bounds widened by what clocks err.
    What is in the project now speaks for `as_of` only if the ledger or the file's last write shows that.
    Rows are in order of environment, service, secret, role and kind."""
    timeline = Timeline(ledger)
    held = with_file_times(inventory.query("state == 'present'").dropna(subset="fingerprint"), sources)
    stays: list[Any] = [_before(value, timeline) for value in rows(held)]
    values = list(rows(held.assign(before=[stay[0] for stay in stays], returned=[stay[1] for stay in stays])))
    files: dict[str, dict[Any, Any]] = defaultdict(dict)  # of each value, each file once
    dated = ((value.fingerprint, value) for value in values if value.modified_at)
    for mark, file in (*dated, *_copies(entries, sources, values, keeper)):
        files[mark][_FILE(file)] = file
    pieces = [*_records(ledger, timeline, inventory), *_stored(dates, inventory), *_later(ledger, values)]
    for value in values:
        seen = [*_in_ledger(value, timeline)]
        if value.fingerprint in keeper and (seconds := keeper.ask(value.fingerprint, _issued)):
            at = datetime.fromtimestamp(seconds, UTC)
            text = f"the value itself contains its date of issue, {instant_words(at)}"
            pieces += [_piece(value, "E19", "sighting", lo_at=at, hi_at=at, source=value.source, text=text)]
        for key, file in files[value.fingerprint].items():
            seen.append(_file_time(value, file, "bound" if key == _FILE(value) else "sighting"))
        # Where else the value was seen counts as far as that is earlier than its tenure's bound.
        by = min((row["hi_at"] for row in seen if row["role"] == "bound"), default=None)
        pieces += [row for row in seen if row["role"] != "sighting" or not by or row["hi_at"] < by]
    return _widened(pieces, as_of)


def with_file_times(inventory: pd.DataFrame, sources: pd.DataFrame) -> pd.DataFrame:
    """Rows of the inventory with `modified_at`: the last write of the file that holds it, or null."""
    files = sources.rename(columns={"kind": "origin"})[["source", "environment", "origin", "modified_at"]]
    return inventory.merge(files.drop_duplicates(list(files)[:3], keep="last"), how="left")


def _piece(place: Any, kind: str, role: str, **facts: Any) -> Row:
    return {**SecretPlace.of(place)._asdict(), "kind": kind, "role": role, **facts}


def _widened(pieces: list[Row], as_of: datetime) -> pd.DataFrame:
    table = pd.DataFrame(pieces, columns=[*Evidence.columns, "dated"])
    table = table.astype(dict.fromkeys(("lo_at", "hi_at", "observed_at", "dated"), "datetime64[us, UTC]"))
    slack = table["kind"].isin(_BY_PROVIDERS).map({True: _PROVIDER_SLACK, False: CLOCK_SLACK})
    late = table.pop("dated").fillna(table["hi_at"]) - slack.astype("timedelta64[us]") > as_of
    table = table.assign(
        observed_at=table["observed_at"].fillna(table["hi_at"]),
        lo_at=table["lo_at"] - slack,
        hi_at=table["hi_at"] + slack,
        role=table["role"].mask(late, "left out"),
    )
    order = ["environment", "service", "secret", "role", "kind", "source", "hi_at", "lo_at", "text"]
    return Evidence.checked(table.sort_values(order, kind="stable"))


def _in_ledger(value: Any, timeline: Timeline) -> Iterator[Row]:
    place, copies = SecretPlace.of(value), timeline.runs[value.fingerprint].items()
    # Only in one copy is it known that the value came back: another writer's went its own way.
    lasting = timeline.lasting(place, value.source, value.fingerprint)
    cited = set()  # one value in thousands of names is one piece an entry
    for copy, run, is_last in ((copy, run, run is runs[-1]) for copy, runs in copies for run in runs):
        role = "sighting" if copy not in lasting else "bound" if is_last else "return"
        first, before = run.first, value.before if role == "bound" else run.absent
        citation = (role, run.modified_at, first.place, before and (before.place, before.fingerprint))
        if citation not in cited:
            cited.add(citation)
            where = "" if copy.place == place else f" as {copy.place}"
            yield _piece(
                value,
                "E8" if first.recorded else "E1" if before and before.fingerprint is not None else "E2",
                role,
                lo_at=before and before.at,
                hi_at=first.at,
                source=first.place,
                observed_at=first.at,
                text=f"first seen{where} {instant_words(first.at)}{_seen_before(before)}",
            )
            if run.modified_at and FIRST_ENV_FILES <= run.modified_at < first.at:
                then = value._replace(source=first.place, modified_at=run.modified_at, before=before)
                yield _file_time(value, then, role, where) | {"observed_at": first.at}


def _before(value: Any, timeline: Timeline) -> tuple[Any, bool]:
    """The last look at another value before which no copy held this one, and whether the value came back.
    The value is as old as its oldest copy. Who only records looks at no change and names no copy: a record
    that may be older than that look tells of a copy that changed first.
    """
    lasting = timeline.lasting(SecretPlace.of(value), value.source, value.fingerprint).values()
    current, returned = [runs[-1] for runs in lasting], any(len(runs) > 1 for runs in lasting)
    looked = [run for run in current if run.looked]
    befores = [run.absent for run in looked or current]
    if not befores or None in befores:
        return None, returned
    earliest = min(filter(None, befores), key=attrgetter("at"))
    records = [run.first for run in current if looked and not run.looked]
    return earliest if all(map(earliest.surely_before, records)) else None, returned


def seen_already(ledger: Ledger, place: SecretPlace, source: str, fingerprint: str) -> Any:
    """The last look at a value in its place; None if a change to it awaits a record, or no look saw it.
    Recorded without a date, a rotation to a value that was seen already would be one that nothing shows."""
    records = [one.at for one in ledger.of_kind("rotation") if SecretPlace.named_in(one.body) == place]
    current = [runs[-1] for runs in Timeline(ledger).lasting(place, source, fingerprint).values()]
    changes = [run.absent.at for run in current if run.absent and run.absent.fingerprint is not None]
    return current[-1].last if current and all(any(at >= it for at in records) for it in changes) else None


def _seen_before(before: Any) -> str:
    what = "no value" if before and before.fingerprint is None else "another value"
    return f"; {what} was seen there {instant_words(before.at)} ({before.place})" if before else ""


def _file_time(value: Any, file: Any, role: str, where: str = "") -> Row:
    """E3, of a backup E4: one-sided, since a copy or a touch only moves a file's time later.
    Another value seen before bounds only a sighting from below: a clone's file may be older. What is older
    than that look was restored or moved in: the value was there before, or both conflict."""
    written, before, day = file.modified_at, file.before, instant_words(file.modified_at)
    since = before if before and before.at < written else None
    if role == "bound":
        restored = before and not since and (file.returned or written + SAME_TIME > before.at)
        role, since = "sighting" if restored else "bound", None
    kind, what = ("E4", "backup") if file.kind == "backup" else ("E3", "file")
    text = f"its {what}{where} was last modified {day}, so the value was there by then{_seen_before(since)}"
    if written < FIRST_ENV_FILES:
        role, text = "claim", f"its {what} is dated {day}, a time that tools for images and archives set"
    return _piece(value, kind, role, lo_at=since and since.at, hi_at=written, source=file.source, text=text)


def _copies(entries: pd.DataFrame, sources: pd.DataFrame, values: list[Any], keeper: Keeper) -> Iterator[Any]:
    written = sources.loc[sources["kind"].isin(("backup", "env file")), ["source", "modified_at"]].dropna()
    copies = entries.dropna(subset="fingerprint").merge(written, on="source")
    urls = {value.variable for value in values if value.component == "password"}
    for row in rows(copies.assign(before=None, returned=False)):
        is_url = row.name in urls and row.fingerprint in keeper
        yield (keeper.part(row.fingerprint, component("password")) or "") if is_url else row.fingerprint, row


def _issued(value: str) -> float:
    """E19: when a JWT-like value says that it was issued, which is not its adoption; 0 if it says nothing."""
    with suppress(LookupError, ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        claims = json.loads(base64.urlsafe_b64decode(f"{value.split('.')[1]}=="))
        seconds = float(claims.get("iat", claims.get("nbf")))
        return seconds if 946_684_800 <= seconds <= 4_102_444_800 else 0.0  # 2000 to 2100
    return 0.0


def _records(ledger: Ledger, timeline: Timeline, inventory: pd.DataFrame) -> Iterator[Row]:
    places, links = {SecretPlace.of(row): row for row in rows(inventory)}, timeline.links
    made = (one for one in ledger.of_kind("rotation", "creation") if SecretPlace.named_in(one.body) in places)
    for entry in made:
        value, mark = places[SecretPlace.named_in(entry.body)], entry.body["fingerprint"]
        of_value = None  # whether it is of the value in force, if that is known
        if mark is not None and value.fingerprint is not None:
            same = links.same(links.now(mark, entry.key_id), value.fingerprint)
            of_value = same if same or read_alike(value.loader, loader_in(entry.body)) else None
        if entry.kind == "rotation":
            yield _recorded(entry, "E8" if of_value else "E10" if of_value is None else "E9", value, timeline)
        elif of_value:  # as old as its provider made it, by what somebody says, and in force since or later
            body, at = entry.body, parse_instant(entry.body["claimed_at"], entry.place)
            by, day = (at + DAY, f"{at:%Y-%m-%d}") if body["day_only"] else (at, instant_words(at))
            text = f"{body['by']} recorded that it was created on {day}, by {body['witness']}"
            facts = {"lo_at": at, "source": entry.place, "observed_at": entry.at, "dated": at, "text": text}
            yield _piece(value, "E11", "bound", **facts)
            yield _piece(value, "E11", "sighting", hi_at=by, **facts)


def _recorded(entry: Entry, kind: str, value: Any, timeline: Timeline) -> Row:
    lo, hi = claim_interval(entry)
    place, by_copy = SecretPlace.of(value), timeline.runs.get(value.fingerprint, {})
    copies = [by_copy.get(copy, []) for copy in timeline.copies if copy.place == place]
    if kind == "E10":
        stays = [runs and not runs[-1].replaced and runs[-1].last.at > hi + CLOCK_SLACK for runs in copies]
        # Which copy was meant is not said: one that no snapshot saw since may have been rotated.
        lo = lo if value.fingerprint and all(stays) else None
    elif kind == "E8" and lo is None:
        changed = any(run.absent and run.absent.fingerprint for runs in copies for run in runs)
        lo = None if changed else hi  # no change was seen that it could tell of: it claims one just now
    when = f"done by {instant_words(hi)}" if lo is None else f"on or after {instant_words(lo)}"
    facts = {"source": entry.place, "observed_at": entry.at, "dated": lo or hi}
    text = f"a rotation {when} was recorded {_RECORDED[kind]}"
    return _piece(value, kind, "claim", lo_at=lo, hi_at=None if kind == "E9" else hi, text=text, **facts)


def _stored(dates: Iterable[GivenValues], inventory: pd.DataFrame) -> Iterator[Row]:
    found = defaultdict(list)
    for source, date in ((one, date) for one in dates for date in one.dates):
        found[source.environment, source.service, date.secret].append((source.origin, date))
    for row in rows(inventory[inventory["state"].isin(("present", "not supplied"))]):
        for name in {row.secret, row.variable}:
            for origin, date in found[row.environment, row.service, name]:
                text = f"{date.text} {instant_words(date.hi_at)}"
                yield _piece(row, date.kind, "bound", hi_at=date.hi_at, source=origin, text=text)


def _later(ledger: Ledger, values: list[Any]) -> Iterator[Row]:
    kinds = {"snapshot": "E2", "rotation": "E8", "creation": "E11"}
    for entry in (entry for entry in ledger.later if entry.kind in kinds):
        bodies, text = entry.body.get("secrets", [entry.body]), f"dated {instant_words(entry.at)}"
        for place in sorted({SecretPlace.named_in(one) for one in bodies} & {*map(SecretPlace.of, values)}):
            yield _piece(place, kinds[entry.kind], "left out", hi_at=entry.at, source=entry.place, text=text)


def tabulate_freshness(
    inventory: pd.DataFrame, evidence: pd.DataFrame, policy: Policy, as_of: datetime
) -> pd.DataFrame:
    """`Freshness`, decided on tenure, moved up by what was seen of the value before; no claim bounds it.
    Rows are the secrets, the identifiers and what else has a limit, by environment, service and name."""
    ranked = evidence.assign(
        trust=evidence["kind"].map(TRUST),
        label=evidence["kind"] + " " + evidence["source"] + ": " + evidence["text"],
    )
    order = {"trust": True, "lo_at": False, "hi_at": True, "source": True, "text": True}
    pieces: dict[SecretPlace, Pieces] = defaultdict(lambda: defaultdict(list))
    for row in rows(ranked.sort_values([*order], ascending=[*order.values()])):
        pieces[SecretPlace.of(row)][row.role].append(row)
    aged = inventory[inventory["kind"].isin(("secret", "identifier")) | inventory["max_age_days"].notna()]
    aged = aged.sort_values(["environment", "service", "secret"], kind="stable")
    return Freshness.of(_row(item, pieces[SecretPlace.of(item)], policy, as_of) for item in rows(aged))


def _row(item: Any, pieces: Pieces, policy: Policy, as_of: datetime) -> dict[str, Any]:
    tenure, rule, exempt = agreement(pieces["bound"]), policy.rule(item.secret), _exempt(item)
    lo, hi, dropped = age = _age(tenure, pieces["return"] + pieces["sighting"])
    lo_at, hi_at, period = lo and lo.lo_at, hi and hi.hi_at, item.max_age_days and item.max_age_days * DAY
    strict = item.max_age_days and rule and rule.strict_max_age_days
    status, strict_status = (
        "exempt" if exempt else days and status_of(lo_at, hi_at, as_of, days, policy.warn_days)
        for days in (item.max_age_days, strict)
    )
    reason, decides = _doubt(item, pieces, tenure, age, as_of) if status == "unknown" else (exempt, "")
    return {
        **SecretPlace.of(item)._asdict(),
        "status": status,
        "age_days_min": hi_at and max(0, floor((as_of - hi_at) / DAY)),
        "age_days_max": lo_at and max(0, ceil((as_of - lo_at) / DAY)),
        **{name: getattr(item, name) for name in ("max_age_days", "period_stated")},
        "strict_max_age_days": strict,
        "strict_status": strict_status if strict else "",
        "overdue_from_at": period and hi_at and hi_at + period,
        "possibly_overdue_from_at": period and lo_at and lo_at + period,
        "lo_at": lo_at,
        "hi_at": hi_at,
        "lo_evidence": lo.label if lo else "",
        "hi_evidence": hi.label if hi else "",
        "reason": reason,
        "next_evidence": decides,
        "conflict": bool(dropped),
        "claimed_not_done": _not_done(pieces),
        "rotated_back": bool(pieces["return"]),
        "unrecorded_rotation": _unrecorded(pieces),
    }


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
    return lo, hi, dropped


def _age(tenure: Interval, elsewhere: list[Any]) -> Interval:
    """The tenure, moved up by what was seen of the value before; its bounds may be wrong if they conflict."""
    begun, hi, dropped = tenure
    before = [piece for piece in elsewhere if hi and piece.hi_at]
    surely = [piece for piece in before if begun and piece.hi_at <= begun.lo_at + SAME_TIME]
    lo = None if dropped else begun
    if surely:  # in use before: how long is bounded only as far as that earlier use is
        lo = min(surely, key=attrgetter("lo_at", "hi_at")) if all(one.lo_at for one in surely) else None
    return lo, min([hi, *before], key=attrgetter("hi_at")) if before else hi, dropped


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
    opens = item.environment not in DEVELOPMENT and "PASS" in item.secret.upper()  # whatever it is
    reasons = {
        "no limit in the policy": item.max_age_days is None,
        "public by the policy: it protects nothing, so it has no age": item.public
        and item.exposure_severity == "info",
        f"{item.state}: no value is in force": item.state in ("missing", "empty"),
        "an example's value: no secret is in force": is_made_up(item) and not opens,
        "placeholder: no secret is in force": item.placeholder and not opens,
    }
    return next((reason for reason, applies in reasons.items() if applies), "")


def _doubt(item: Any, pieces: Pieces, tenure: Interval, age: Interval, as_of: datetime) -> tuple[str, str]:
    lo, hi, dropped = age
    if not pieces["bound"] and item.state == "not supplied":
        return item.state, f"Supply the values: --env {item.environment}/{item.service}=FILE (or - for stdin)"
    if dropped:
        sides = dict.fromkeys(piece.label for piece in (*tenure[:2], dropped[0]) if piece)
        return "conflict", f"Find out which is right: {' · '.join(sides)}"
    reason = "straddles" if pieces["bound"] else "reviewed late" if pieces["left out"] else "no evidence"
    if item.state == "present" and item.whole is None and item.fingerprint is None:
        named = "Write" if item.loader else f"Name the loader of {item.source} in audit.toml, or write"
        return reason, f"{named} a value that all read alike"
    if hi is None:
        return reason, "Take a snapshot now, then one each week: audit-lib snapshot"
    period = item.max_age_days * DAY
    overdue = f" (overdue if changed before {instant_words(as_of - period)})" if lo else ""
    return reason, (
        f"Look up when it was made, at its provider or in your notes{overdue}, and record that (audit-lib "
        "record NAME --created-at DATE --source TEXT), or rotate it with a snapshot just before and after. "
        f"Otherwise it is overdue from {instant_words(hi.hi_at + period)}"
    )


def _not_done(pieces: Pieces) -> bool:
    """Whether the value in force was seen here before a recorded rotation, with no other since.
    A file's time is not enough: a value is written before it is recorded. One with another value (E9) was
    rotated to that, and of a claim without a lower bound nobody can say."""
    seen = [row.hi_at for row in pieces["bound"] if row.kind in ("E1", "E2", "E8")]
    claims = [claim.lo_at for claim in pieces["claim"] if claim.kind != "E9" and claim.lo_at]
    return bool(seen and claims) and max(claims) >= min(seen)


def _unrecorded(pieces: Pieces) -> bool:
    """Whether the value was seen to take another's place, and no record may tell of that.
    One with the value in force does, unless it is of an earlier stay; one with another value (E9) does not.
    """
    change = next((row for row in pieces["bound"] if row.kind in ("E1", "E8") and row.lo_at), None)
    if change is None:
        return False
    after, by = change.lo_at - CLOCK_SLACK, change.hi_at + CLOCK_SLACK
    later = [claim for claim in pieces["claim"] if claim.observed_at >= after]
    without = [claim for claim in later if claim.kind == "E10" and (claim.lo_at or by) <= by]
    return not without and all(it.kind != "E8" for it in (later if pieces["return"] else pieces["claim"]))


def tabulate_rotation_pairs(freshness: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """`RotationPairs`, of each environment that has a value of both (docs/rules.md#rule-43).
    Apart if one surely came into force after the other had; together if both did within the same interval,
    however wide; else unknown: nobody can say."""
    ages = freshness[freshness["status"].ne("exempt") & freshness["reason"].ne("not supplied")]
    ages = ages[["secret", "environment", "service", "lo_at", "hi_at"]]
    names = {tuple(sorted((rule.name, other))) for rule in policy.secrets for other in rule.rotates_with}
    pairs = pd.DataFrame(sorted(names), columns=["secret", "other_secret"], dtype="str")
    other = {name: f"other_{name}" for name in ("secret", "lo_at", "hi_at")}
    both = pairs.merge(ages).merge(ages.drop(columns="service").rename(columns=other))
    lo, hi, other_lo, other_hi = (both[name] for name in ("lo_at", "hi_at", "other_lo_at", "other_hi_at"))
    same_lo = (lo - other_lo).abs().le(SAME_TIME) | (lo.isna() & other_lo.isna())
    same_hi = (hi - other_hi).abs().le(SAME_TIME)
    # In force before the other began: of one snapshot the bounds overlap by exactly what they were widened.
    first, second = ((gap <= timedelta(0)) | (gap == SAME_TIME) for gap in (hi - other_lo, other_hi - lo))
    apart = hi.notna() & other_hi.notna() & ~same_hi & (first | second)
    both["relation"] = np.select([same_lo & same_hi, apart], ["together", "apart"], "unknown")
    return RotationPairs.checked(both[list(RotationPairs.columns)])

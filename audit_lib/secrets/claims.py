"""What people and logs say of a secret's age, by name: claims (docs/evidence.md#claims)."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from audit_lib.base.clock import parse_instant
from audit_lib.base.frames import rows
from audit_lib.base.in_words import instant_words
from audit_lib.ledger import Entry, Ledger
from audit_lib.ledger.timeline import CLOCK_SLACK, Observation, SecretPlace, Timeline, loader_in

Row = dict[str, Any]  # of Evidence
DAY = timedelta(days=1)
# A date alone can be that of any zone: from UTC+14 to UTC-12 (docs/evidence.md#claims).
EAST, WEST = timedelta(hours=14), timedelta(hours=12)
# A provider that dates a value keeps its servers' clocks by NTP; every other clock may be off by CLOCK_SLACK.
_PROVIDER_SLACK = timedelta(minutes=5)
_PROVIDERS = ("E13", "E14", "E15", "E19")
# docs/evidence.md#combining-evidence: own chain > provider > record with fingerprint > platform's "updated
# at" > file time > a human's claim.
_CONFIDENCE = {
    "E1": 8, "E2": 8, "E19": 7, "E13": 7, "E8": 5, "E9": 5, "E14": 4, "E3": 3, "E4": 3, "E20": 2, "E21": 2,
    "E15": 2, "E11": 1, "E10": 1, "E5": 1,
}  # fmt: skip


def piece(
    place: SecretPlace, kind: str, role: str, *, lo: datetime | None = None, hi: datetime | None, **rest: Any
) -> Row:
    """A row of `Evidence`, with both bounds widened by the clock uncertainty of its kind.

    It was observed at its upper bound, unless `observed_at` says when.
    """
    slack = _PROVIDER_SLACK if kind in _PROVIDERS else CLOCK_SLACK
    return {
        **place._asdict(),
        "kind": kind,
        "clock": "tenure" if role in ("bound", "claim") else "value",
        "role": role,
        "lo_at": None if lo is None else lo - slack,
        "hi_at": None if hi is None else hi + slack,
        "confidence": _CONFIDENCE[kind],
        "fingerprint": None,
        "observed_at": hi,
        **rest,
    }


def claims_of(
    ledger: Ledger,
    timeline: Timeline,
    log_events: pd.DataFrame | None,
    in_force: Mapping[SecretPlace, str],
    *,
    places: Mapping[SecretPlace, Any],
    as_of: datetime,
) -> Iterator[Row]:
    """E8 (recorded with the value in force), E9 (with another), E10 (with none), E11, E20 and E21 (logged).

    `places` has the inventory's row of each place.
    """
    for entry in ledger.of_kind("rotation", "creation"):
        place = SecretPlace.named_in(entry.body)
        if place in places and entry.kind == "rotation":
            yield _recorded(entry, place, timeline, in_force.get(place), as_of)
        elif place in places:
            yield from _created(entry, place, timeline, in_force.get(place))
    if log_events is not None:
        dated = log_events[log_events["at"].notna() & (log_events["at"] <= as_of)]
        yield from _logged(dated[dated["message"].eq("secret rotated")], places)
        yield from _fallbacks(dated[dated["message"].eq("recommended secret missing")], places)


def seen_already(ledger: Ledger, place: SecretPlace, source: str, fingerprint: str) -> Observation | None:
    """The last sight of a value in its place, if no change to it awaits a record; None if one does.

    Recorded without a date, a rotation to such a value would be one that nothing shows.
    """
    timeline = Timeline(ledger)
    entries = ledger.of_kind("rotation")
    recorded = [entry.at for entry in entries if SecretPlace.named_in(entry.body) == place]
    newest: Observation | None = None
    for copy in timeline.copies_of(place, source):
        runs = timeline.runs(copy, fingerprint)
        if runs and not runs[-1].replaced:
            before, newest = runs[-1].absent, runs[-1].last
            if before and before.fingerprint is not None and not any(at >= before.at for at in recorded):
                return None
    return newest


def claim_interval(entry: Entry) -> tuple[datetime | None, datetime]:
    """The instants between which a recorded rotation is claimed to lie; None: at any time before.

    A record without a date claims that the rotation was done by now, and says not since when.
    """
    at = parse_instant(entry.body["claimed_at"], entry.place)
    if not entry.body["day_only"]:
        return (None, at) if at == entry.at else (at, at + DAY)
    midnight = at.replace(hour=0, minute=0, second=0)
    return midnight - EAST, midnight + DAY + WEST


def _recorded(
    entry: Entry, place: SecretPlace, timeline: Timeline, value: str | None, as_of: datetime
) -> Row:
    lo, hi = claim_interval(entry)
    seen, links = entry.body["fingerprint"], timeline.links
    same = None if seen is None or value is None else links.same(links.now(seen, entry.key_id), value)
    if same is False and not timeline.read_alike(place, loader_in(entry.body)):
        same = None
    kind = "E8" if same else "E9" if same is False else "E10"
    what = {"E8": "with the current value", "E9": "with another value", "E10": "without its value"}[kind]
    runs = [timeline.runs(copy, value) for copy in timeline.copies_of(place)] if value else []
    if kind == "E10" and not (value and all(_seen_since(hi, one) for one in runs)):
        lo = None  # which copy was meant is not said: one that no snapshot saw since may have been rotated
    changed = any(run.absent and run.absent.fingerprint for one in runs for run in one)
    if kind == "E8" and lo is None and not changed:
        lo = hi  # no change was seen that it could tell of: it claims one just now
    when = f"done by {instant_words(hi)}" if lo is None else f"on or after {instant_words(lo)}"
    role = "claim" if (lo or hi) <= as_of else "left out"
    facts = {"source": entry.place, "observed_at": entry.at, "text": f"a rotation {when} was recorded {what}"}
    return piece(place, kind, role, lo=lo, hi=None if kind == "E9" else hi, **facts)


def _seen_since(at: datetime, runs: list[Any]) -> bool:
    """Whether a copy was seen with a value after an instant, and none since."""
    return bool(runs) and not runs[-1].replaced and runs[-1].last.at > at + CLOCK_SLACK


def _created(entry: Entry, place: SecretPlace, timeline: Timeline, value: str | None) -> Iterator[Row]:
    """E11: a value cannot be in force before its provider made it, and is as old as that.

    It bounds the age as a claim: who says so, and by what, stands beside it.
    """
    links = timeline.links
    if value is None or links.same(links.now(entry.body["fingerprint"], entry.key_id), value) is not True:
        return
    at = parse_instant(entry.body["claimed_at"], entry.place)
    by = at + DAY if entry.body["day_only"] else at
    day = f"on {at:%Y-%m-%d}" if entry.body["day_only"] else instant_words(at)
    text = f"{entry.body['by']} recorded that it was created {day}, by {entry.body['witness']}"
    facts = {"source": entry.place, "observed_at": entry.at, "text": text, "fingerprint": value}
    yield piece(place, "E11", "bound", lo=at, hi=None, **facts)
    yield piece(place, "E11", "sighting", lo=at, hi=by, **facts)


def _logged(events: pd.DataFrame, places: Collection[SecretPlace]) -> Iterator[Row]:
    """E20. A log line does not say in which environment: it is a claim for each where the secret is known."""
    for event in rows(events):
        text, source = f"a log line of {instant_words(event.at)} reports it", f"{event.file}:{event.line}"
        for place in sorted(place for place in places if place.secret == event.subject):
            yield piece(place, "E20", "claim", lo=event.at, hi=event.at, source=source, text=text)


def _fallbacks(starts: pd.DataFrame, places: Mapping[SecretPlace, Any]) -> Iterator[Row]:
    """E21: a secret that is set nowhere, so that the application falls back at each start."""
    for place, row in places.items():
        own = starts[starts["subject"] == place.secret]
        if row.state in ("missing", "empty") and row.fallback and not own.empty:
            last = own.sort_values(["at", "file", "line"], kind="stable").iloc[-1]
            at = last["at"].to_pydatetime()
            text = f"not set when the application started {instant_words(at)}: {row.fallback}"
            facts = {"clock": "effective", "source": f"{last['file']}:{last['line']}", "text": text}
            yield piece(place, "E21", "claim", lo=at, hi=at, **facts)

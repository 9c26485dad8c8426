"""What people and logs say of a rotation: claims, which bound nothing (docs/evidence.md#claims)."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import pandas as pd

from audit_lib.base.clock import parse_instant
from audit_lib.base.frames import rows
from audit_lib.base.in_words import instant_words
from audit_lib.ledger import Entry, Ledger
from audit_lib.ledger.tenures import SecretPlace, loader_in
from audit_lib.secrets.age_interval import CLOCK_SLACK
from audit_lib.secrets.evidence_rows import Row, piece
from audit_lib.secrets.ledger_observations import Observation, Observations

ROTATION_MESSAGES = ("secret rotated",)
UNSET_MESSAGES = ("recommended secret missing",)
# A date alone can be that of any zone: from UTC+14 to UTC-12 (docs/evidence.md#claims).
EAST, WEST = timedelta(hours=14), timedelta(hours=12)
DAY = timedelta(days=1)


def claims_of(
    ledger: Ledger,
    observations: Observations,
    log_events: pd.DataFrame,
    in_force: Mapping[SecretPlace, str],
    *,
    places: set[SecretPlace],
    as_of: datetime,
) -> Iterator[Row]:
    """E8 (recorded with the value in force), E9 (with another), E10 (with none) and E20 (logged)."""
    for entry in ledger.of_kind("rotation"):
        place = SecretPlace.named_in(entry.body)
        if place in places:
            yield _recorded(entry, place, observations, in_force.get(place), as_of)
    yield from _logged(log_events, places, as_of)


def seen_already(ledger: Ledger, place: SecretPlace, source: str, fingerprint: str) -> Observation | None:
    """The last sight of a value in its place, if no change to it awaits a record; None if one does.

    Recorded without a date, a rotation to such a value would be one that nothing shows.
    """
    observations = Observations(ledger)
    entries = ledger.of_kind("rotation")
    recorded = [entry.at for entry in entries if SecretPlace.named_in(entry.body) == place]
    newest: Observation | None = None
    for chain in observations.of_place(place, source):
        stints = observations.stints(chain, fingerprint)
        if stints and stints[-1].last:
            before, newest = stints[-1].before, stints[-1].newest
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


def effective_of(inventory: pd.DataFrame, log_events: pd.DataFrame, as_of: datetime) -> Iterator[Row]:
    """E21: a secret that is set nowhere, so that the application falls back at each start."""
    boots = log_events[log_events["message"].isin(UNSET_MESSAGES) & log_events["at"].notna()]
    for row in rows(inventory[inventory["state"].isin(("missing", "empty"))]):
        own = boots[(boots["subject"] == row.secret) & bool(row.fallback) & (boots["at"] <= as_of)]
        if not own.empty:
            last = own.sort_values(["at", "file", "line"], kind="stable").iloc[-1]
            at = last["at"].to_pydatetime()
            place = SecretPlace.of(row)
            text = f"not set when the application started {instant_words(at)}: {row.fallback}"
            told = {"clock": "effective", "source": f"{last['file']}:{last['line']}", "text": text}
            yield piece(place, "E21", "claim", lo=at, hi=at, **told)


def _recorded(
    entry: Entry, place: SecretPlace, observations: Observations, value: str | None, as_of: datetime
) -> Row:
    lo, hi = claim_interval(entry)
    seen, links = entry.body["fingerprint"], observations.links
    same = None if seen is None or value is None else links.same(links.now(seen, entry.key_id), value)
    if same is False and not observations.read_alike(place, loader_in(entry.body)):
        same = None
    kind = "E8" if same else "E9" if same is False else "E10"
    what = {"E8": "with the current value", "E9": "with another value", "E10": "without its value"}[kind]
    if kind == "E10" and not (value and _seen_since(hi, observations, place, value)):
        lo = None  # which copy was meant is not said: one that no snapshot saw since may have been rotated
    if kind == "E8" and lo is None and value and not _ever_changed(observations, place, value):
        lo = hi  # no change was seen that it could tell of: it claims one just now
    when = f"done by {instant_words(hi)}" if lo is None else f"on or after {instant_words(lo)}"
    role = "claim" if (lo or hi) <= as_of else "left out"
    told = {"source": entry.place, "observed_at": entry.at, "text": f"a rotation {when} was recorded {what}"}
    return piece(place, kind, role, lo=lo, hi=None if kind == "E9" else hi, **told)


def _seen_since(at: datetime, observations: Observations, place: SecretPlace, value: str) -> bool:
    """Whether each copy that snapshots saw was seen with a value after an instant, and none since."""
    runs = [observations.stints(chain, value) for chain in observations.of_place(place)]
    return all(stints and stints[-1].last and stints[-1].newest.at > at + CLOCK_SLACK for stints in runs)


def _ever_changed(observations: Observations, place: SecretPlace, value: str) -> bool:
    """Whether any copy was seen with another value before it was seen with this one."""
    runs = [observations.stints(chain, value) for chain in observations.of_place(place)]
    return any(stint.before and stint.before.fingerprint for stints in runs for stint in stints)


def _logged(log_events: pd.DataFrame, places: set[SecretPlace], as_of: datetime) -> Iterator[Row]:
    by_name: dict[str, list[SecretPlace]] = {}
    for place in sorted(places):
        by_name.setdefault(place.secret, []).append(place)
    said = log_events["message"].isin(ROTATION_MESSAGES) & log_events["at"].notna()
    for event in rows(log_events[said]):
        at, source = event.at, f"{event.file}:{event.line}"
        role, text = "claim" if at <= as_of else "left out", f"a log line of {instant_words(at)} reports it"
        # A log line does not say in which environment: it is a claim for each where the secret is known.
        for place in by_name.get(event.subject, []):
            yield piece(place, "E20", role, lo=at, hi=at, source=source, text=text)

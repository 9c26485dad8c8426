"""The runs of a value that last in its place, and what was seen there before them."""

from dataclasses import replace
from datetime import datetime

from audit_lib.secrets.evidence_rows import EvidenceInputs, PresentValue
from audit_lib.secrets.ledger_observations import Observation, ObservedSeries, Stint, surely_after


def current_runs(
    seen: PresentValue, known: EvidenceInputs
) -> tuple[list[tuple[ObservedSeries, Stint]], bool]:
    """The runs of the value that last, and whether it was in force in one of those chains before.

    Writers may hold copies of one file. The value is as old as its oldest copy, so that all begin after
    the earliest of the last sights of another value, and after none if one copy has none.
    """
    chains = known.observations.of_place(seen.place, seen.source)
    runs = [(chain, known.observations.stints(chain, seen.fingerprint)) for chain in chains]
    current = [(chain, stints[-1]) for chain, stints in runs if stints and stints[-1].last]
    before = _last_other([stint for _, stint in current], seen, known)
    returned = any(len(stints) > 1 and stints[-1].last for _, stints in runs)
    return [(chain, replace(stint, before=before)) for chain, stint in current], returned


def sight_before(seen: PresentValue, known: EvidenceInputs) -> Observation | None:
    """The last sight of another value, or of none, in the place before its value; None without any."""
    return next((stint.before for _, stint in current_runs(seen, known)[0]), None)


def _last_other(current: list[Stint], seen: PresentValue, known: EvidenceInputs) -> Observation | None:
    """The last sight of another value before which no copy held this one; None if there is none such.

    Who only records does not look at each change, nor say at which copy. A record that may be older than
    that sight tells of a copy that changed first: all copies were seen with another value before it.
    """
    looked = [stint for stint in current if stint.looked]
    earliest = _earliest(looked or current)
    told = min((stint.first for stint in current if not stint.looked), key=_at, default=None)
    if not looked or earliest is None or told is None or surely_after(earliest, told):
        return earliest
    chains = known.observations.of_place(seen.place, seen.source)
    others = [known.observations.last_other(chain, seen.fingerprint, told) for chain in chains]
    return min((one for one in others if one and not one.recorded), key=_at, default=None)


def _at(one: Observation) -> datetime:
    return one.at


def _earliest(stints: list[Stint]) -> Observation | None:
    befores = [stint.before for stint in stints if stint.before is not None]
    return min(befores, key=_at, default=None) if len(befores) == len(stints) else None

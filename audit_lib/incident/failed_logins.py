"""Explanations by who failed to log in: brute force, and stale clients after a rotation."""

from collections.abc import Iterable

from audit_lib.incident import outages, pairs
from audit_lib.incident.addresses import GOT_IN, GUESSING, addresses
from audit_lib.incident.explanation import SHOWN, Explanation, few, of_logins
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.ruled_out import (
    BY_CHANGES,
    BY_GUESSING,
    BY_VALUES,
    a_seen_change,
    values_before_and_after,
)
from audit_lib.incident.secret_values import coupled
from audit_lib.incident.timeline import first_start
from audit_lib.incident.window_detections import DetectedInWindow, detected_in_window
from audit_lib.logins.changes import BEGUN
from audit_lib.logins.detect.incidents import Incident
from audit_lib.logins.requests import Window, within

# How much a detection counts: what it calls grave explains more than what a forgotten password explains, too.
_WEIGHTS = {"low": 1, "medium": 2, "high": 3, "critical": 3}


def explain_brute_force(investigation: Investigation) -> Explanation:
    """Each detection of guessing counts by its severity; what it explains itself as an accident, against."""
    case, told = of_logins("brute force", investigation)
    if not told:
        return case
    detected = detected_in_window(investigation)
    guesses, entered = detected.threats(*GUESSING), detected.alarms(GOT_IN)
    for name, alarms in guesses.items():
        weight = max(_WEIGHTS[alarm.severity] for alarm in alarms)
        case.pro(weight, f"{_in_words(alarms)} ({name})")
    case.pro(2, f"{_in_words(entered)} (let in)", entered)
    if not guesses and not entered:
        _speak_against(case, detected)
    case.doubts("guessing", detected.doubts(*GUESSING, GOT_IN))
    names = (*addresses(entered), *addresses(alarm for found in guesses.values() for alarm in found))
    case.addresses = tuple(dict.fromkeys(names))
    return case


def _speak_against(case: Explanation, detected: DetectedInWindow) -> None:
    # While guessing may have been missed, the cause of what was found says nothing of the rest.
    accidents = [alarm for alarm in detected.alarms("known-clients-failing") if alarm.classification]
    more = f", and {len(accidents) - 1} more" if len(accidents) > 1 else ""
    text = f"what failed has another cause: {_in_words(accidents, 1)}{more}"
    case.rules_out(BY_GUESSING, 2, text, accidents)
    text = "no guessing and no spraying was found"
    case.rules_out(BY_GUESSING, 1, text, detected.are_none(*GUESSING))


def _in_words(alarms: Iterable[Incident], most: int = SHOWN) -> str:
    """The gravest of some incidents: whose, what, how many."""
    ordered = sorted(alarms, key=lambda alarm: (-alarm.count, alarm.client, alarm.subject))
    told = [f"{_whose(alarm)}: {alarm.classification} ({alarm.count})" for alarm in ordered[:most]]
    return ", ".join(told)


def _whose(alarm: Incident) -> str:
    return alarm.client or alarm.subject or few(sorted(alarm.clients)) or "no address is named"


def explain_stale_client(investigation: Investigation) -> Explanation:
    """A rotation that known clients failed after counts most; a start or a deploy shows no rotation."""
    case, told = of_logins("stale client after a rotation", investigation)
    if not told:
        return case
    detected, outage = detected_in_window(investigation), outages.worst_outage(investigation)
    failing = detected.alarms("known-clients-failing")
    clients = addresses(alarm for alarm in failing if alarm.cause)
    rotated, begun = _changes(investigation, failing)
    for number, one in enumerate(rotated[:2]):
        case.pro(0 if number else 4, f"{one.classification} ({few(clients)})")
    case.pro(2, f"{begun[0].classification} ({few(clients)})" if begun else "", begun and not rotated)
    if rotated or begun:
        case.addresses = clients
        early = _before_start(investigation, rotated[0], clients) if rotated else ""
        case.contra(1, f"{early}: a process that has the old value answers those that send it", early)
    deploy = outage is not None and outages.deploy_before(investigation, outage)
    broken = outage is not None and (deploy or pairs.unequal_pairs(investigation))
    case.contra(3, "nearly everyone failed, those with the new value too", broken)
    _of_changes(case, investigation)
    case.doubts("clients that failed after a change", detected.doubts("known-clients-failing"))
    return case


def _changes(
    investigation: Investigation, alarms: tuple[Incident, ...]
) -> tuple[list[Incident], list[Incident]]:
    """The rotations that clients failed after, of the secret that is asked for or of any; then starts."""
    after = sorted((one for one in alarms if one.cause), key=lambda one: -one.count)
    asked = {investigation.secret, *coupled(investigation, investigation.secret)}
    rotated = [one for one in after if one.cause not in BEGUN]
    mine = [one for one in rotated if not investigation.secret or one.subject in asked]
    return mine, [one for one in after if one.cause in BEGUN]


def _of_changes(case: Explanation, investigation: Investigation) -> None:
    """What the snapshots say of changes in the window: one, none, or nothing."""
    changed, unchanged = a_seen_change(investigation), values_before_and_after(investigation)
    text = "no value changed in the window: before and after it, it was the same"
    case.rules_out(BY_VALUES, 3, text, unchanged)
    text = "nobody who was answered before failed after a change"
    case.rules_out(BY_CHANGES, 1, text, detected_in_window(investigation).are_none("known-clients-failing"))
    case.lacks("a snapshot just before and after each rotation", not changed and not unchanged)


def _before_start(investigation: Investigation, rotated: Incident, clients: tuple[str, ...]) -> str:
    """How many refusals surely came before the first start after a change: until then the old value held."""
    start = first_start(investigation.events, rotated.first_at)
    if start is None or rotated.first_at is None:
        return ""
    near = within(investigation.requests, Window(rotated.first_at, start["at"]))
    near = near[near["refused"] & near["client"].isin(clients)]
    early = near[near["not_after_at"].lt(start["at"]) & near["not_before_at"].ge(rotated.first_at)]
    count = int(early["count"].sum())
    return (
        f"{count} of its failures were before the start in {start['file']}:{start['line']}" if count else ""
    )

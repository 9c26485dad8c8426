"""Brute force as an explanation: who guessed, by A1 to A6, and who got in after it, by A7."""

from collections.abc import Iterable

from audit_lib.incident.explanation import SHOWN, Explanation, few, of_logins
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.newcomers import GOT_IN, GUESSING, addresses
from audit_lib.incident.ruled_out import BY_GUESSING
from audit_lib.incident.window_detections import DetectedInWindow, detected_in_window
from audit_lib.logins.detections.alarm import Alarm

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
    case.pro(2, f"{_in_words(entered)} (A7)", entered)
    loud = _loudest(investigation, detected)
    case.pro(1, f"{_in_words(loud)} (A14)", guesses and loud)
    if not guesses and not entered:
        _speak_against(case, detected)
    case.doubts("guessing (A1 to A7)", detected.doubts(*GUESSING, GOT_IN))
    names = (*addresses(entered), *addresses(alarm for found in guesses.values() for alarm in found))
    case.addresses = tuple(dict.fromkeys((*names, *(addresses(loud) if guesses else ()))))
    return case


def _speak_against(case: Explanation, detected: DetectedInWindow) -> None:
    # While guessing may have been missed, the cause of what was found says nothing of the rest.
    accidents = [alarm for alarm in detected.alarms(*GUESSING) if alarm.classification]
    more = f", and {len(accidents) - 1} more" if len(accidents) > 1 else ""
    text = f"what failed has another cause: {_in_words(accidents, 1)}{more}"
    case.rules_out(BY_GUESSING, 2, text, accidents)
    text = "nearly everyone failed at the same time (A10): a guesser fails alone"
    case.rules_out(BY_GUESSING, 2, text, detected.alarms("A10") and not accidents)
    text = "no burst, slow or distributed guessing was found (A1 to A6)"
    case.rules_out(BY_GUESSING, 1, text, detected.are_none(*GUESSING))


def _loudest(investigation: Investigation, detected: DetectedInWindow) -> tuple[Alarm, ...]:
    """The addresses with a large share of all failed logins that may have failed in the window."""
    clients = investigation.clients
    failing = set(clients.loc[clients["failures"] > 0, "client"])
    return tuple(alarm for alarm in detected.alarms("A14") if alarm.client in failing)


def _in_words(alarms: Iterable[Alarm], most: int = SHOWN) -> str:
    """The gravest of some incidents: whose, what, how many."""
    ordered = sorted(alarms, key=lambda alarm: (-alarm.count, alarm.client, alarm.subject))
    told = [f"{_whose(alarm)}: {alarm.classification} ({alarm.count})" for alarm in ordered[:most]]
    return ", ".join(told)


def _whose(alarm: Alarm) -> str:
    return alarm.client or alarm.subject or few(sorted(alarm.clients)) or "no address is named"

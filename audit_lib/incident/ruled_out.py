"""What must have been seen before a point against an explanation may rule it out.

The first sentence of each function is one precondition (docs/detections.md#what-unlikely-needs), the next
what would tell.
"""

from collections.abc import Callable

from audit_lib.incident import outages, pairs
from audit_lib.incident.addresses import GUESSING, lacks_history
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.secret_values import fingerprints, held_throughout, unread_places, was_searched_for
from audit_lib.incident.window_detections import changes_seen, detected_in_window
from audit_lib.leaks.tables import searched_whole

Precondition = Callable[[Investigation], bool]
Way = tuple[Precondition, ...]


def lines_of_the_window(investigation: Investigation) -> bool:
    """A log line that may lie in the window. The logs of the window would tell."""
    return investigation.seen


def guessing_would_show(investigation: Investigation) -> bool:
    """Guessing and spraying have all that their "none" needs. The table of detections would tell."""
    return _would_show(investigation, *GUESSING)


def new_addresses_would_show(investigation: Investigation) -> bool:
    """Being let in has all that its "none" needs. The table of detections would tell."""
    return _would_show(investigation, "let-in")


def failures_after_changes_would_show(investigation: Investigation) -> bool:
    """Known clients failing has all that its "none" needs. The table of detections would tell."""
    return _would_show(investigation, "known-clients-failing")


def outages_would_show(investigation: Investigation) -> bool:
    """Known clients failing has all that its "none" needs. The table of detections would tell."""
    return _would_show(investigation, "known-clients-failing")


def _would_show(investigation: Investigation, *detections: str) -> bool:
    return not detected_in_window(investigation).doubts(*detections)


def older_logs(investigation: Investigation) -> bool:
    """Logs of as many days before the window as make an address new. Older logs would tell."""
    _, missing = lacks_history(investigation)
    return not missing


def many_callers(investigation: Investigation) -> bool:
    """Requests of enough public addresses, or clients = "real". Logs before the proxy would tell."""
    detected = detected_in_window(investigation)
    return bool(detected.requests) and not detected.proxied and not detected.few


def listed_deploys(investigation: Investigation) -> bool:
    """A deploy list that reaches over the outage. The platform's deploy list would tell."""
    outage = outages.worst_break(investigation)
    return outage is not None and outages.is_listed(investigation, outage.first_at)


def halves_at_that_time(investigation: Investigation) -> bool:
    """Both halves of each pair, equal before and after. A snapshot just before and after would tell."""
    return pairs.equal_throughout(investigation)


def answers_while_apart(investigation: Investigation) -> bool:
    """Requests that were answered while a pair differed. Snapshots and logs of that time would tell."""
    return bool(pairs.answered_while_apart(investigation))


def values_before_and_after(investigation: Investigation) -> bool:
    """The same value before and after in each place. A snapshot just before and after would tell."""
    named = (investigation.secret,) if investigation.secret else investigation.rules.caller_secrets
    mine = [one for one in investigation.tenures if not named or one.home.secret in named]
    held = {one.home for one in mine if held_throughout(investigation, one, investigation.window)}
    return bool(mine) and {one.home for one in mine} == held


def a_seen_change(investigation: Investigation) -> bool:
    """A change of a value. A snapshot just before and after each rotation would tell."""
    return bool(changes_seen(investigation))


def a_value(investigation: Investigation) -> bool:
    """A value of the secret. An env file, snapshot or commit that holds one would tell."""
    return bool(fingerprints(investigation, investigation.secret))


def searched_values(investigation: Investigation) -> bool:
    """Each value of the time at hand, and long enough to search for. The env file would tell."""
    return was_searched_for(investigation)


def whole_search(investigation: Investigation) -> bool:
    """Each object of git and each file, searched for values. A whole clone would tell."""
    return searched_whole(investigation.leak_coverage)


def each_place(investigation: Investigation) -> bool:
    """The values of each env file and export that is expected. The file that is missing would tell."""
    return not unread_places(investigation)


# The ways to rule something out: of one way all must be met.
BY_SEARCH = (searched_values, whole_search)
BY_ADDRESSES = (lines_of_the_window, older_logs, new_addresses_would_show)
BY_GUESSING = (lines_of_the_window, guessing_would_show)
BY_OUTAGES = (lines_of_the_window, outages_would_show)
BY_DEPLOYS = (listed_deploys,)
BY_HALVES = (halves_at_that_time,)
BY_ANSWERS = (answers_while_apart,)
BY_VALUES = (values_before_and_after,)
BY_CHANGES = (lines_of_the_window, a_seen_change, failures_after_changes_would_show)
BY_CALLERS = (lines_of_the_window, many_callers)
BY_PLACES = (a_value, each_place)
UNLIKELY_NEEDS: dict[str, tuple[Way, ...]] = {
    "leaked and used": (BY_SEARCH, BY_ADDRESSES),
    "brute force": (BY_GUESSING,),
    "variables changed by a deploy": (BY_OUTAGES, BY_DEPLOYS),
    "pair break": (BY_HALVES, BY_ANSWERS, BY_OUTAGES),
    "stale client after a rotation": (BY_VALUES, BY_CHANGES),
    "proxy collapse": (BY_CALLERS,),
    "quiet misuse": (BY_ADDRESSES,),
    "our own bundle explains the sighting": (BY_PLACES,),
}

"""Stale clients after a rotation as an explanation: who failed after a change of a value, by A9."""

from audit_lib.incident import outages, pairs
from audit_lib.incident.explanation import Explanation, few, of_logins
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.newcomers import addresses
from audit_lib.incident.ruled_out import BY_CHANGES, BY_VALUES, a_seen_change, values_before_and_after
from audit_lib.incident.secret_values import coupled
from audit_lib.incident.timeline import first_start
from audit_lib.incident.window_detections import detected_in_window
from audit_lib.logins.detections.after_a_change import BEGUN
from audit_lib.logins.detections.alarm import Alarm
from audit_lib.logins.requests import Window, within


def explain_stale_client(investigation: Investigation) -> Explanation:
    """A rotation that known clients failed after counts most; a start or a deploy shows no rotation."""
    case, told = of_logins("stale client after a rotation", investigation)
    if not told:
        return case
    detected, outage = detected_in_window(investigation), outages.worst_outage(investigation)
    clients = addresses(alarm for alarm in detected.alarms("A9") if alarm.client and alarm.severity != "high")
    rotated, begun = _changes(investigation, detected.alarms("A9"))
    for number, one in enumerate(rotated[:2]):
        case.pro(0 if number else 4, f"{one.classification} ({few(clients)}; A9)")
    case.pro(2, f"{begun[0].classification} ({few(clients)}; A9)" if begun else "", begun and not rotated)
    if rotated or begun:
        case.addresses = clients
        early = _before_start(investigation, rotated[0], clients) if rotated else ""
        case.contra(1, f"{early}: a process that has the old value answers those that send it", early)
    deploy = outage is not None and outages.deploy_before(investigation, outage)
    broken = outage is not None and (deploy or pairs.unequal_pairs(investigation))
    case.contra(3, "nearly everyone failed, those with the new value too (A10)", broken)
    _of_changes(case, investigation)
    case.doubts("clients that failed after a change (A9)", detected.doubts("A9"))
    return case


def _changes(investigation: Investigation, alarms: tuple[Alarm, ...]) -> tuple[list[Alarm], list[Alarm]]:
    """The rotations that clients failed after, of the secret that is asked for or of any; then starts."""
    after = sorted((one for one in alarms if not one.client and one.count), key=lambda one: -one.count)
    asked = {investigation.secret, *coupled(investigation, investigation.secret)}
    rotated = [one for one in after if one.subject not in BEGUN]
    mine = [one for one in rotated if not investigation.secret or one.subject in asked]
    return mine, [one for one in after if one.subject in BEGUN]


def _of_changes(case: Explanation, investigation: Investigation) -> None:
    """What the snapshots say of changes in the window: one, none, or nothing."""
    changed, unchanged = a_seen_change(investigation), values_before_and_after(investigation)
    text = "no value changed in the window: before and after it, it was the same"
    case.rules_out(BY_VALUES, 3, text, unchanged)
    text = "nobody who was answered before failed after a change (A9)"
    case.rules_out(BY_CHANGES, 1, text, detected_in_window(investigation).are_none("A9"))
    case.lacks("a snapshot just before and after each rotation", not changed and not unchanged)


def _before_start(investigation: Investigation, rotated: Alarm, clients: tuple[str, ...]) -> str:
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

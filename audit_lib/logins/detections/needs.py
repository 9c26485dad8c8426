"""Which preconditions each detection needs before it may say "none"; docs/detections.md shows the table."""

from collections.abc import Callable

import pandas as pd

from audit_lib.base.log_kinds import POSSIBLE
from audit_lib.logins.detections import preconditions as seen
from audit_lib.logins.detections.callers import private_clients
from audit_lib.logins.detections.thresholds import DetectionPolicy, Rule
from audit_lib.logins.detections.traffic import Traffic
from audit_lib.logs.logins import FAILED_LOGIN

POSSIBLE_LOGINS = "possible failed logins, in words that no format knows"


def certain_messages(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    """Each message that may tell of a failed login counts. A format with its time and address would tell."""
    told = traffic.counts[traffic.counts["status"].isna()]
    failed, possible = (told[told["kind"].eq(kind)] for kind in (FAILED_LOGIN, POSSIBLE))
    inside = {
        one for one, yes in private_clients(failed, policy).items() if yes and not policy.clients_declared
    }
    numbers = {
        "failed logins that messages report without a time of their own": int(failed["untimed"].sum()),
        "failed logins that messages report of private addresses, which may be a proxy's": _sum(
            failed[failed["client"].isin(inside)]
        ),
        "failed logins of hosts that are named instead of their address": traffic.named_hosts,
        POSSIBLE_LOGINS: _sum(possible),
    }
    return "; ".join(f"{text}: {number:,}" for text, number in numbers.items() if number)


def _sum(told: pd.DataFrame) -> int:
    return int(told["count"].sum())


Precondition = Callable[[Traffic, DetectionPolicy, Rule], str]

ALWAYS = (seen.every_line_understood, seen.known_words, seen.whole_logs, seen.each_day, seen.every_instance)
_WHO = (seen.named_clients, seen.callers)
_LOGINS = (seen.declared_failure, seen.logins, seen.failed_logins, certain_messages)
_GUARDED = (seen.declared_failure, seen.guarded_requests, seen.failed_logins)
_ANSWERED = (*_GUARDED, seen.guarded_answers, seen.timed_failures, seen.own_routes)
NEEDS: dict[str, tuple[Precondition, ...]] = {
    "A1": (*_LOGINS, seen.timed_failures, *_WHO, *ALWAYS),
    "A2": (*_LOGINS, seen.timed_failures, *_WHO, *ALWAYS),
    "A3": (*_LOGINS, seen.answers, seen.timed_failures, *_WHO, seen.own_routes, *ALWAYS),
    "A4": (*_LOGINS, seen.timed_failures, *_WHO, *ALWAYS),
    "A5": (*_LOGINS, seen.timed_failures, *_WHO, *ALWAYS),
    "A6": (*_GUARDED, seen.timed_failures, *_WHO, seen.own_routes, *ALWAYS),
    "A7": (*_LOGINS, seen.answers, seen.timed_requests, *_WHO, seen.own_routes, *ALWAYS),
    "A8": (seen.answers, seen.timed_requests, *_WHO, seen.own_routes, *ALWAYS, seen.baseline),
    "A9": (*_ANSWERED, seen.change_on_record, *_WHO, *ALWAYS, seen.known_hours),
    "A10": (*_ANSWERED, *ALWAYS, seen.known_hours, seen.several_clients),
    "A11": (*_ANSWERED, *ALWAYS, seen.known_hours),
    "A12": (seen.limiter, seen.timed_requests, seen.named_clients, *ALWAYS),
    "A13": (*_LOGINS, seen.timed_requests, seen.usual_rate, *ALWAYS, seen.known_hours, seen.baseline),
    "A14": (*_LOGINS, *_WHO, *ALWAYS),
    "A15": (seen.timed_requests, *_WHO, seen.own_routes, seen.own_missed_routes, *ALWAYS),
    "A16": (seen.a_request, seen.database_wording, seen.timed_errors, *ALWAYS),
    "A17": (seen.a_request, seen.logged_queries, *ALWAYS),
    "A18": (seen.start_wording, *ALWAYS),
    "A19": (seen.timed_requests, seen.usual_rate, *ALWAYS, seen.known_hours),
    "A20": (*_LOGINS, seen.timed_failures, *ALWAYS, seen.known_hours),
}
# What cannot be done at all without: these detections say nothing of requests without a time, or of a proxy.
NEEDS_TIME = frozenset(NEEDS) - {"A14", "A16", "A17", "A18"}
BY_MESSAGES = frozenset({"A1", "A2", "A3", "A4", "A5"})  # a failed login that is told needs no request
NEEDS_SOURCE = frozenset(name for name, needs in NEEDS.items() if seen.callers in needs)


def cannot_apply(detection: str, traffic: Traffic) -> str:
    """Why the detection says nothing at all of these logs; "" if it can be applied."""
    if traffic.counts.empty and traffic.events.empty:
        return "no log line of the period was read"
    if detection in BY_MESSAGES and traffic.events["at"].notna().any():
        return traffic.collapsed
    if detection in NEEDS_TIME and traffic.requests.empty:
        return "no request has a time of its own, which this needs"
    return traffic.collapsed if detection in NEEDS_SOURCE else ""


def proves_nothing(detection: str, traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    """Why no incident is not "none"; "" if the logs would show one."""
    reasons = (why(traffic, policy, rule) for why in NEEDS[detection])
    return "; ".join(dict.fromkeys(filter(None, reasons)))

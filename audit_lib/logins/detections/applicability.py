"""Why a detection cannot be applied, and why finding nothing would prove nothing."""

from audit_lib.base.log_kinds import OTHER_ROUTES
from audit_lib.logins.detections.thresholds import DetectionPolicy
from audit_lib.logins.detections.traffic import Traffic

TIME, SOURCE, FAILURES, REQUESTS = "time", "source", "failures", "requests"
# What was asked for: of answered and refused requests, and of those that were answered 404 and its like.
ROUTES, MISSED = "routes", "missed"


_OTHERS = f"are counted as {OTHER_ROUTES}, since there are too many routes"


def cannot_apply(needs: frozenset[str], traffic: Traffic) -> str:
    """Why the detection says nothing at all of these logs; "" if it can be applied."""
    if traffic.counts.empty and traffic.events.empty:
        return "no log line of the period was read"
    if TIME in needs and traffic.requests.empty:
        return "no request has a time of its own, which this needs"
    return traffic.collapsed if SOURCE in needs else ""


def proves_nothing(needs: frozenset[str], traffic: Traffic, policy: DetectionPolicy) -> str:
    """Why no incident is not "none"; "" if the logs would show one."""
    reasons = []
    if FAILURES in needs and not policy.failure_declared:
        reasons.append("the policy does not declare what a failed login looks like")
    if TIME in needs and FAILURES in needs and traffic.untimed_failures:
        reasons.append(f"{traffic.untimed_failures:,} failed logins have no time of their own")
    elif TIME in needs and REQUESTS in needs and traffic.untimed_requests:
        reasons.append(f"{traffic.untimed_requests:,} requests have no time of their own")
    if SOURCE in needs and traffic.unnamed:
        reasons.append(f"{traffic.unnamed:,} requests have no address")
    if SOURCE in needs and (few := few_addresses(traffic, policy)):
        reasons.append(few)
    if ROUTES in needs and traffic.other_routes:
        reasons.append(f"{traffic.other_routes:,} requests, answered or refused, {_OTHERS}")
    if MISSED in needs and traffic.other_missed:
        reasons.append(f"{traffic.other_missed:,} requests for what does not exist {_OTHERS}")
    if traffic.days_read < traffic.days:
        reasons.append(f"{traffic.days - traffic.days_read} of {traffic.days} days have no line")
    return "; ".join(reasons)


def few_addresses(traffic: Traffic, policy: DetectionPolicy) -> str:
    """Why clients may be proxies (docs/detections.md#common-gates); "" if they are shown to be callers.

    What is found stays found: its lines are there, whoever sent them.
    """
    least = policy.public_addresses
    if policy.clients_declared or (least is not None and traffic.addresses >= least):
        return ""
    if least is None:
        return "the policy does not say how many public addresses distinguish callers from a proxy"
    text = f"public addresses in the logs: {traffic.addresses}; fewer than {least} may belong to a proxy"
    return f'{text}, and the policy does not say that they are callers (clients = "real")'

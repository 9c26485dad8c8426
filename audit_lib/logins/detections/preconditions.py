"""What must have been seen, or declared, before a detection may say "none".

The first sentence of each function is one precondition (docs/detections.md#what-none-needs), the next
what would tell; it returns why these logs do not meet it, and "" if they do.
"""

from collections.abc import Sequence

import pandas as pd

from audit_lib.base.in_words import counted
from audit_lib.base.log_kinds import OTHER_ROUTES, POSSIBLE
from audit_lib.logins.declared import READING, REDIRECTS
from audit_lib.logins.detections.recorded_changes import FAILED_STARTS, START_MESSAGES
from audit_lib.logins.detections.thresholds import DetectionPolicy, Rule, unknown_wording
from audit_lib.logins.detections.traffic import Traffic
from audit_lib.logins.detections.wholeness import undeclared_instances, undeclared_zone
from audit_lib.logins.proposals import Proposal
from audit_lib.logs.declared_logins import FAILED_LOGIN

_THERE = "that the application is known to have was seen: name them in the policy ([access])"
_OTHERS = f"are counted as {OTHER_ROUTES}, since there are too many routes"


def every_line_understood(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    """Each line of the logs was understood. A format for the others would tell."""
    lines = traffic.not_understood
    return f"{counted(lines, 'line')} of the logs {'was' if lines == 1 else 'were'} not understood" * bool(
        lines
    )


def known_words(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    """No line of text may tell of a refusal in words of its own. A format for these lines would tell."""
    return own_words_text(traffic.own_words)


def own_words_text(lines: int) -> str:
    """Why lines of text may tell of more than was counted; "" if there is none."""
    return f"lines that may report refusals in words that no format knows: {lines:,}" if lines else ""


def whole_logs(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    """Nothing hints at lines that are missing, copied or cut. The logs from their source would tell."""
    return "; ".join(traffic.doubts)


def each_day(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    """Each day has a line of each service. The logs of the other days would tell."""
    left = traffic.days - traffic.days_read
    several = len(left) > 1
    gaps = (
        f"{days} of {traffic.days} days have no line{f' of {service}' * several}"
        for service, days in left[left > 0].items()
    )
    return "; ".join(gaps)


def every_instance(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    """How many instances write each log is declared. `instances` in audit.toml would tell."""
    return undeclared_instances(traffic.log_sources)


def known_hours(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    """Each time has a zone, its own or a declared one. `time_zone` in audit.toml would tell."""
    return undeclared_zone(traffic.sources)


def a_request(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    """A request. Logging each request would tell."""
    return "" if traffic.counts["status"].notna().any() else "no request was recognised in the logs"


def declared_failure(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    """What a failed login looks like is declared ([detections.failure], [[logins]]), on each login route."""
    return undeclared_failure(policy, traffic.counts, traffic.proposals, traffic.added_failed)


def undeclared_failure(
    policy: DetectionPolicy, counts: pd.DataFrame, proposals: Sequence[Proposal], added_failed: bool
) -> str:
    """Why failed logins may count as other requests; "" if all is declared.

    Who may change audit.toml alone makes nothing known by declaring what never happens.
    """
    reasons, declared = [], policy.failure_declared or added_failed
    if not declared and policy.added_logins:
        reasons.append("audit.toml alone declares logins, and none of them was seen to fail")
    elif not declared:
        reasons.append("the policy does not declare what a failed login looks like")
    asked = [one.question for one in proposals if one.uncounted or not declared]
    reasons += [f"{question} Declare it ([[logins]])" for question in asked[:1]]
    open_ = counts["kind"].eq(POSSIBLE) & counts["status"].notna()
    if left := int(counts.loc[open_, "count"].sum()):
        reasons.append(f"{counted(left, 'login')} answered with a redirect that no declared request follows")
    return "; ".join(reasons)


def timed_failures(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    """Each failed login has a time. Logging the time would tell."""
    lost = traffic.untimed_failures
    return f"{lost:,} failed logins have no time of their own" if lost else ""


def timed_requests(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    """Each request has a time. Logging the time would tell."""
    lost = traffic.untimed_requests
    return f"{lost:,} requests have no time of their own" if lost else ""


def timed_errors(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    """Each server error has a time. Logging the time would tell."""
    errors = traffic.counts[traffic.counts["status"].ge(500).fillna(False).astype(bool)]
    lost = int(errors["untimed"].sum())
    return f"{lost:,} server errors have no time of their own" if lost else ""


def named_clients(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    """Each request has an address. Logging the client's address would tell."""
    return f"{traffic.unnamed:,} requests have no address" if traffic.unnamed else ""


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


def callers(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    """Public addresses, or clients = "real" in the policy. Logs before the proxy would tell."""
    return few_addresses(traffic, policy)


def own_routes(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    """Each route under its own name. A shorter period would tell."""
    others = traffic.other_routes
    return f"{others:,} requests, answered or refused, {_OTHERS}" if others else ""


def own_missed_routes(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    """Each route that is missing under its own name. A shorter period would tell."""
    others = traffic.other_missed
    return f"{others:,} requests for what does not exist {_OTHERS}" if others else ""


def logins(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    """A request to a login route or a protected route that is there. The policy's [access] would tell."""
    # Where messages tell a failed login, the policy's declaration of their kinds is what is needed.
    asked = (traffic.requests["protected"] | traffic.requests["on_login"]) & traffic.requests["there"]
    if asked.any() or (policy.failure_declared and not policy.failed_statuses):
        return ""
    return f"no request to a login route or a protected route {_THERE}"


def failed_logins(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    """A failed login on a route that is there, so that logs show them. A log that holds one would tell."""
    if traffic.failed_there:
        return ""
    routes = " on a route that the application is known to have" * bool(len(traffic.refusals))
    said = traffic.counts["status"].isna() & traffic.counts["kind"].eq(FAILED_LOGIN)
    if told := int(traffic.counts.loc[said, "count"].sum()):
        return (
            f"only messages report failed logins ({told:,}), no request failed as one{routes}: it is not "
            "known that requests would show one"
        )
    return f"no failed login was met in these logs{routes}, so it is not known that they would show one"


def guarded_requests(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    """A request to a protected route that is there. The policy's [access] would tell."""
    asked = traffic.requests["protected"] & traffic.requests["there"]
    return "" if asked.any() else f"no request to a protected route {_THERE}"


def guarded_answers(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    """An answer on a protected route. The policy's [access] would tell."""
    text = "no answer on a protected route was seen: name them in the policy ([access])"
    return "" if len(traffic.answered) else text


def answers(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    """A login that succeeds, or an answer on a protected route. The policy's [access] would tell."""
    if not (traffic.requests["let_in"] | traffic.requests["added"]).any():
        return "no login that succeeds, and no answer on a protected route, was seen: name them ([access])"
    requests = traffic.requests
    hidden = requests["on_login"] & requests["method"].eq("") & requests["status"].lt(400)
    if count := int(requests.loc[hidden, "count"].sum()):
        return f"{count:,} answers on login routes name no method, so they may be logins that succeed"
    # A redirect after a form that refused others is a login or a refusal: the policy would say which.
    moved = requests["status"].isin(REDIRECTS) & ~requests["method"].isin(READING) & ~requests["on_login"]
    moved &= requests["route"].isin(set(traffic.failures["route"]))
    count = int(requests.loc[moved, "count"].sum())
    return f"{count:,} redirects on routes that refuse may be logins that succeed" if count else ""


def limiter(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    """A 429, or limits_requests in the policy."""
    met = traffic.counts["status"].eq(429).fillna(False).any()
    if policy.limiter_declared or met:
        return ""
    return "no 429 response, and the policy does not say that requests are limited (limits_requests)"


def several_clients(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    """As many addresses as a break needs. All logs would tell."""
    clients = traffic.requests["client"].nunique()
    if traffic.collapsed or clients >= rule["clients"]:
        return ""
    seen = counted(clients, "address", "addresses")
    return f"{seen} in the logs, but this needs at least {rule['clients']:.0f}"


def baseline(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    """Requests over as many days as the baseline needs. Older logs would tell."""
    days = float(traffic.requests["seconds"].agg(["min", "max"]).diff().iloc[-1]) / 86400
    if days >= rule["days"]:
        return ""
    return f"the requests with a time span {days:.0f} days, but the baseline needs {rule['days']:.0f}"


def usual_rate(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    """So many requests a day that a gap would show. All logs would tell."""
    least = rule.limits.get("expected", rule.limits.get("events", 0))
    days = max(1, traffic.requests["at"].dt.floor("D").nunique())
    mean = int(traffic.requests["count"].sum()) / days
    if mean >= least:
        return ""
    return f"{mean:.1f} requests a day are too few to show a gap: this needs {least:.0f}"


def change_on_record(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    """A rotation, deploy or start on record. `record`, or a deploy list would tell."""
    text = "no rotation, deploy or start is on record: record rotations, or name a deploy list ([[deploys]])"
    return "" if traffic.changes else text


def database_wording(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    """A database failure, or its kind in known_messages of the policy."""
    return unknown_wording(("database_failure",), traffic.kinds_met, policy)


def start_wording(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    """A start or a failed start, or its kind in known_messages of the policy."""
    met = traffic.events["message"].isin(START_MESSAGES).any()
    return "" if met else unknown_wording(FAILED_STARTS, traffic.kinds_met, policy)


def logged_queries(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    """The policy says that the logs keep queries (logs_queries)."""
    if policy.queries_logged:
        return ""
    return "the policy does not say that the logs keep the query of a request (logs_queries)"

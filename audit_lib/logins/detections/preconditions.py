"""What must have been seen, or declared, before a detection may say "none": then the logs would show one."""

from collections.abc import Callable
from dataclasses import dataclass

from audit_lib.base.in_words import counted
from audit_lib.base.log_kinds import OTHER_ROUTES
from audit_lib.logins.detections.thresholds import DetectionPolicy, Rule
from audit_lib.logins.detections.traffic import BEGUN, FAILED_STARTS, READING, REDIRECTS, Traffic


@dataclass(frozen=True)
class Seen:
    """One precondition. `lacks` says why these logs do not meet it; "" if they do."""

    name: str
    words: str  # what was seen or declared
    supply: str  # what would tell
    lacks: Callable[[Traffic, DetectionPolicy, Rule], str]


_OTHERS = f"are counted as {OTHER_ROUTES}, since there are too many routes"


def _not_understood(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    lines = traffic.not_understood
    return f"{counted(lines, 'line')} of the logs {'was' if lines == 1 else 'were'} not understood" * bool(
        lines
    )


def _doubtful(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    return "; ".join(traffic.doubts)


def _days(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    left = traffic.days - traffic.days_read
    return f"{left} of {traffic.days} days have no line" if left > 0 else ""


def _no_request(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    return "" if traffic.counts["status"].notna().any() else "no request was recognised in the logs"


def _undeclared(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    return "" if policy.failure_declared else "the policy does not declare what a failed login looks like"


def _untimed_failures(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    lost = traffic.untimed_failures
    return f"{lost:,} failed logins have no time of their own" if lost else ""


def _untimed(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    lost = traffic.untimed_requests
    return f"{lost:,} requests have no time of their own" if lost else ""


def _untimed_errors(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    errors = traffic.counts[traffic.counts["status"].ge(500).fillna(False).astype(bool)]
    lost = int(errors["untimed"].sum())
    return f"{lost:,} server errors have no time of their own" if lost else ""


def _unnamed(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
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


def _few(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    return few_addresses(traffic, policy)


def _folded(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    others = traffic.other_routes
    return f"{others:,} requests, answered or refused, {_OTHERS}" if others else ""


def _folded_misses(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    others = traffic.other_missed
    return f"{others:,} requests for what does not exist {_OTHERS}" if others else ""


def _no_login(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    # Where messages tell a failed login, the policy's declaration of their kinds is what is needed.
    asked = traffic.requests["protected"] | traffic.requests["on_login"]
    if asked.any() or (policy.failure_declared and not policy.failed_statuses):
        return ""
    return "no request to a login route or a protected route was seen: name them in the policy ([access])"


def _no_guarded(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    text = "no request to a protected route was seen: name them in the policy ([access])"
    return "" if traffic.requests["protected"].any() else text


def _no_guarded_answer(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    text = "no answer on a protected route was seen: name them in the policy ([access])"
    return "" if len(traffic.answered) else text


def _no_answer(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    if not traffic.requests["let_in"].any():
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


def _no_limiter(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    met = traffic.counts["status"].eq(429).fillna(False).any()
    if policy.limiter_declared or met:
        return ""
    return "no 429 response, and the policy does not say that requests are limited (limits_requests)"


def _single_client(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    clients = traffic.requests["client"].nunique()
    if traffic.collapsed or clients >= rule["clients"]:
        return ""
    seen = counted(clients, "address", "addresses")
    return f"{seen} in the logs, but this needs at least {rule['clients']:.0f}"


def _short(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    days = float(traffic.requests["seconds"].agg(["min", "max"]).diff().iloc[-1]) / 86400
    if days >= rule["days"]:
        return ""
    return f"the requests with a time span {days:.0f} days, but the baseline needs {rule['days']:.0f}"


def _thin(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    """Whether a gap of hours would be seen: a request a day shows none."""
    least = rule.limits.get("expected", rule.limits.get("events", 0))
    days = max(1, traffic.requests["at"].dt.floor("D").nunique())
    mean = int(traffic.requests["count"].sum()) / days
    if mean >= least:
        return ""
    return f"{mean:.1f} requests a day are too few to show a gap: this needs {least:.0f}"


def _no_change(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    text = "no rotation, deploy or start is on record: record rotations, or name a deploy list ([[deploys]])"
    return "" if traffic.changes else text


def lacks_messages(kinds: tuple[str, ...], met: frozenset[str], policy: DetectionPolicy) -> str:
    """Why the absence of these kinds of message says nothing; "" if their wording is known to be read."""
    if met & {*kinds} or {*policy.known_messages, *policy.failed_messages} & {*kinds}:
        return ""
    words = " or ".join(kind.replace("_", " ") for kind in kinds)
    return (
        f"no message of the kind {words} was ever met in these logs, and the policy does not say that the "
        "formats know this application's wording (known_messages)"
    )


def _no_database(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    return lacks_messages(("database_failure",), traffic.kinds_met, policy)


def _no_start(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    met = traffic.events["message"].isin(BEGUN).any()
    return "" if met else lacks_messages(FAILED_STARTS, traffic.kinds_met, policy)


def _no_query(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    if policy.queries_logged:
        return ""
    return "the policy does not say that the logs keep the query of a request (logs_queries)"


_DECLARE = "declare it in the policy"
UNDERSTOOD = Seen("understood", "every line was understood", "add the format", _not_understood)
WHOLE = Seen("whole", "nothing hints at lines that are missing, copied or foreign", "supply them", _doubtful)
DAYS = Seen("days", "each day has a line", "supply the logs of the other days", _days)
REQUESTS = Seen("requests", "a request", "log each request", _no_request)
DECLARED = Seen("declared", "a declaration of what a failed login looks like", _DECLARE, _undeclared)
FAILURES_TIMED = Seen("timed failures", "a time on each failed login", "log the time", _untimed_failures)
TIMED = Seen("timed", "a time on each request", "log the time", _untimed)
ERRORS_TIMED = Seen("timed errors", "a time on each server error", "log the time", _untimed_errors)
NAMED = Seen("addresses", "an address on each request", "log the client's address", _unnamed)
CALLERS = Seen("callers", 'public addresses, or clients = "real" in the policy', "forward the address", _few)
ROUTES = Seen("routes", "each route under its own name", "shorten the logs to a quarter", _folded)
MISSED = Seen("missed routes", "each missing route under its own name", "the same", _folded_misses)
LOGINS = Seen("logins", "a request to a login or protected route", "name the routes in [access]", _no_login)
GUARDED = Seen("protected", "a request to a protected route", "name the routes in [access]", _no_guarded)
ANSWERED = Seen(
    "answered", "an answer on a protected route", "name the routes in [access]", _no_guarded_answer
)
ANSWERS = Seen(
    "answers",
    "a login that succeeds, or an answer on a protected route, and no redirect that may be one",
    "name the routes in [access]",
    _no_answer,
)
LIMITER = Seen("limiter", "a 429, or limits_requests in the policy", _DECLARE, _no_limiter)
CLIENTS = Seen("several clients", "two addresses", "supply all logs", _single_client)
SPAN = Seen("span", "requests over as many days as the baseline needs", "supply older logs", _short)
RATE = Seen("rate", "so many requests a day that a gap would show", "supply all logs", _thin)
CHANGE = Seen(
    "change", "a rotation, deploy or start on record", "record it, or name a deploy list", _no_change
)
DATABASE = Seen(
    "database", "a database failure in words that are known, or known_messages", _DECLARE, _no_database
)
STARTS = Seen("starts", "a start in words that are known, or known_messages", _DECLARE, _no_start)
QUERIES = Seen("queries", "logs_queries in the policy", _DECLARE, _no_query)

ALWAYS = (UNDERSTOOD, WHOLE, DAYS)
_WHO = (NAMED, CALLERS)
_FAILED = (DECLARED, LOGINS)
NEEDS: dict[str, tuple[Seen, ...]] = {
    "A1": (*_FAILED, FAILURES_TIMED, *_WHO, *ALWAYS),
    "A2": (*_FAILED, FAILURES_TIMED, *_WHO, *ALWAYS),
    "A3": (*_FAILED, ANSWERS, FAILURES_TIMED, *_WHO, ROUTES, *ALWAYS),
    "A4": (*_FAILED, FAILURES_TIMED, *_WHO, *ALWAYS),
    "A5": (*_FAILED, FAILURES_TIMED, *_WHO, *ALWAYS),
    "A6": (DECLARED, GUARDED, FAILURES_TIMED, *_WHO, ROUTES, *ALWAYS),
    "A7": (*_FAILED, ANSWERS, TIMED, *_WHO, ROUTES, *ALWAYS),
    "A8": (ANSWERS, TIMED, *_WHO, ROUTES, *ALWAYS, SPAN),
    "A9": (DECLARED, ANSWERED, CHANGE, FAILURES_TIMED, *_WHO, ROUTES, *ALWAYS),
    "A10": (DECLARED, ANSWERED, FAILURES_TIMED, ROUTES, *ALWAYS, CLIENTS),
    "A11": (DECLARED, ANSWERED, FAILURES_TIMED, ROUTES, *ALWAYS),
    "A12": (LIMITER, TIMED, *ALWAYS),
    "A13": (*_FAILED, TIMED, RATE, *ALWAYS, SPAN),
    "A14": (*_FAILED, *_WHO, *ALWAYS),
    "A15": (TIMED, *_WHO, ROUTES, MISSED, *ALWAYS),
    "A16": (REQUESTS, DATABASE, ERRORS_TIMED, *ALWAYS),
    "A17": (REQUESTS, QUERIES, *ALWAYS),
    "A18": (STARTS, *ALWAYS),
    "A19": (TIMED, RATE, *ALWAYS),
    "A20": (*_FAILED, FAILURES_TIMED, *ALWAYS),
}  # fmt: skip
# What cannot be done at all without: these detections say nothing of requests without a time, or of a proxy.
NEEDS_TIME = frozenset(NEEDS) - {"A14", "A16", "A17", "A18"}
NEEDS_SOURCE = frozenset(name for name, needs in NEEDS.items() if CALLERS in needs)


def cannot_apply(detection: str, traffic: Traffic) -> str:
    """Why the detection says nothing at all of these logs; "" if it can be applied."""
    if traffic.counts.empty and traffic.events.empty:
        return "no log line of the period was read"
    if detection in NEEDS_TIME and traffic.requests.empty:
        return "no request has a time of its own, which this needs"
    return traffic.collapsed if detection in NEEDS_SOURCE else ""


def proves_nothing(detection: str, traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    """Why no incident is not "none"; "" if the logs would show one."""
    reasons = (seen.lacks(traffic, policy, rule) for seen in NEEDS[detection])
    return "; ".join(dict.fromkeys(filter(None, reasons)))

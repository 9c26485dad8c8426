"""Reads the policy's [detections]: what a failed login looks like, which routes matter, each threshold."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.log_kinds import MESSAGE_KINDS
from audit_lib.base.severities import SEVERITIES
from audit_lib.base.toml_table import TomlTable
from audit_lib.logins.requests import REFUSED, Access
from audit_lib.project.logins import Login
from audit_lib.project.policy import Policy

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Above these, a project's own policy could make a review take hours or all memory.
MOST_EVENTS, LONGEST = 10_000, 100_000
_TIMES = ("seconds", "minutes", "hours", "days", "days_before", "hours_before")
# The thresholds that each detection reads; a policy states all of them or leaves the detection out.
LIMITS: Mapping[str, tuple[str, ...]] = {
    "A1": (
        "failures", "minutes", "capacity", "leak_seconds", "high_per_minute", "told_failures",
        "told_minutes",
    ),
    "A2": ("capacity", "leak_seconds"),
    "A3": ("failures", "median_minutes", "gap_minutes"),
    "A4": ("failures", "days", "most_in_window", "minutes"),
    "A5": ("sources", "failures", "most_per_source", "minutes"),
    "A6": ("routes", "minutes"),
    "A7": ("failures", "minutes", "quiet_hours"),
    "A8": ("days",),
    "A9": ("days_before", "replay_failures", "replay_spread", "deploy_clients", "share"),
    "A10": ("share", "minutes", "requests", "clients"),
    "A11": ("ratio", "hours", "hours_before", "active_share", "p", "slack_minutes"),
    "A12": ("hits", "critical_hits"),
    "A13": ("days", "events", "q", "shrink", "busy_share"),
    "A14": ("failures", "share"),
    "A15": ("routes", "minutes", "sensitive_hits"),
    "A16": ("errors", "minutes", "gap_minutes"),
    "A17": (),
    "A18": ("restarts", "minutes"),
    "A19": ("minutes", "expected", "jump_minutes"),
    "A20": ("failures", "ratio", "p", "first_hour", "last_hour", "steady_hours"),
}  # fmt: skip


@dataclass(frozen=True)
class Rule:
    """One detection as the policy states it."""

    detection: str
    definition: str
    source: str
    severity: str
    limits: Mapping[str, float]

    def __getitem__(self, name: str) -> float:
        return self.limits[name]

    def seconds(self, name: str) -> float:
        """A limit in minutes as seconds."""
        return self.limits[name] * 60


@dataclass(frozen=True)
class DetectionPolicy:
    """What the detections of one application go by. Routes are globs in which `*` is the only wildcard."""

    rules: Mapping[str, Rule]
    failure_declared: bool  # the policy says what a failed login looks like
    failed_statuses: tuple[int, ...]
    failed_messages: tuple[str, ...]  # used where no status tells a failed login
    ambiguous_routes: tuple[str, ...]  # a failed status there can follow a right password
    let_in_minutes: float  # after so many an answer no longer speaks for who failed; 0: none does
    access: Access
    sensitive_routes: tuple[str, ...]
    proxy_networks: tuple[Network, ...]
    public_addresses: int | None  # so many show that clients are callers; None: the policy does not say
    clients_declared: bool  # the policy says that clients are callers, however few
    caller_secrets: tuple[str, ...]  # those whose rotation callers notice; (): any
    grace_hours: Mapping[str, float]  # by secret; "default" for the rest
    limiter_declared: bool  # the policy says that 429 is wired
    known_messages: tuple[str, ...] = ()  # kinds that the formats know in this application's words
    queries_logged: bool = False  # the policy says that the logs keep the query of a request
    logins: tuple[Login, ...] = ()
    known_clients: tuple[Network, ...] = ()  # own monitors and the like: marked wherever they take part

    @property
    def refused_statuses(self) -> tuple[int, ...]:
        """401 and 403, and what else the policy declares to be a failed login."""
        return tuple(sorted({*REFUSED, *self.failed_statuses}))

    @property
    def named_routes(self) -> tuple[str, ...]:
        """What the policy names of this application's own routes, as globs."""
        return (*self.access.protected, *(login.route for login in self.logins if not login.added))

    @property
    def added_logins(self) -> tuple[Login, ...]:
        """The logins that audit.toml declares."""
        return tuple(login for login in self.logins if login.added)

    def grace(self, secret: str) -> float:
        """Hours that clients have to follow a rotation of the secret."""
        return self.grace_hours.get(secret, self.grace_hours.get("default", 24.0))


def detection_policy(policy: Policy) -> DetectionPolicy:
    """The policy's detections; `BadInput` with every fault of the table. A policy without one states none."""
    faults: list[Fault] = []
    place = f"policy {policy.name}: detections"
    given = policy.options.get("detections", {})
    if not isinstance(given, dict):
        raise BadInput.at(place, "must be a table [detections]")
    table = TomlTable(given, place, faults)
    rules = {name: _rule(name, table) for name in LIMITS if table.has(name)}
    failure = _inner(table, "failure")
    statuses = _numbers(failure, "statuses")
    messages = failure.texts("messages")
    found = DetectionPolicy(
        rules=rules,
        failure_declared=table.has("failure") or any(not login.added for login in policy.logins),
        failed_statuses=tuple(map(int, statuses)) if table.has("failure") else (401, 403),
        failed_messages=messages,
        ambiguous_routes=failure.texts("ambiguous_routes"),
        let_in_minutes=_number(table, "let_in_minutes") if table.has("let_in_minutes") else 0.0,
        access=Access.of(policy),
        sensitive_routes=table.texts("sensitive_routes"),
        proxy_networks=_networks(table, "proxy_networks"),
        public_addresses=table.number("public_addresses", None, least=1),
        clients_declared=bool(table.text("clients", among=("real",))),
        caller_secrets=table.texts("caller_secrets"),
        grace_hours=_hours(table),
        limiter_declared=table.flag("limits_requests"),
        known_messages=table.texts("known_messages", MESSAGE_KINDS),
        queries_logged=table.flag("logs_queries"),
        logins=policy.logins,
        known_clients=_networks(table, "known_clients"),
    )
    if table.has("failure") and not (statuses or messages):
        failure.fault("declares neither statuses nor messages")
    failure.close()
    table.close()
    if faults:
        raise BadInput(faults)
    return found


def _inner(table: TomlTable, key: str) -> TomlTable:
    given = table.anything(key) if table.has(key) else {}
    if not isinstance(given, dict):
        table.fault(f"{key} must be a table")
        given = {}
    return TomlTable(given, f"{table.place}.{key}", table.faults)


def _rule(name: str, table: TomlTable) -> Rule:
    inner = _inner(table, name)
    limits = {key: _number(inner, key) for key in LIMITS[name]}
    rule = Rule(
        detection=name,
        definition=inner.text("definition", needed=True),
        source=inner.text("source", needed=True),
        severity=inner.text("severity", "medium", among=SEVERITIES),
        limits=limits,
    )
    inner.close()
    return rule


def _number(table: TomlTable, key: str) -> float:
    value = table.anything(key)
    most = LONGEST if key.endswith(_TIMES) else MOST_EVENTS
    if type(value) not in (int, float) or not 0 <= value <= most:
        table.fault(f"has no {key}" if value is None else f"{key} must be a number from 0 to {most}")
        return 1.0
    return float(value)


def _numbers(table: TomlTable, key: str) -> tuple[float, ...]:
    values: Any = table.anything(key) or []
    if not isinstance(values, list) or not all(type(value) is int and 100 <= value < 600 for value in values):
        table.fault(f"{key} must be a list of HTTP statuses")
        return ()
    return tuple(values)


def _networks(table: TomlTable, key: str) -> tuple[Network, ...]:
    found = []
    for text in table.texts(key):
        try:
            found.append(ipaddress.ip_network(text))
        except ValueError:
            table.fault(f"{key} must hold addresses, or networks such as 10.0.0.0/8")
    return tuple(found)


def _hours(table: TomlTable) -> Mapping[str, float]:
    inner = _inner(table, "grace_hours")
    return {name: _number(inner, name) for name in inner.values}


def unknown_wording(kinds: tuple[str, ...], met: frozenset[str], policy: DetectionPolicy) -> str:
    """Why the absence of these kinds of message says nothing; "" if their wording is known to be read."""
    if met & {*kinds} or {*policy.known_messages, *policy.failed_messages} & {*kinds}:
        return ""
    words = " or ".join(kind.replace("_", " ") for kind in kinds)
    return (
        f"no message of the kind {words} was ever met in these logs, and the policy does not say that the "
        "formats know this application's wording (known_messages)"
    )

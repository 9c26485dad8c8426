"""The policy's [detections]: what a failed login is, which routes matter, each threshold in its range."""

import ipaddress
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Field, IPvAnyNetwork, ValidationError

from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.in_words import MESSAGE_KINDS, SEVERITIES
from audit_lib.logs.formats import LogFormats, project_formats
from audit_lib.secrecy.identities import locate
from audit_lib.settings import Login, Policy, Project
from audit_lib.settings.keys import among

REFUSED, LOCAL = (401, 403), ("127.0.0.1", "::1")  # a server itself is no caller: a proxy or a check is on it
DETECTIONS = ("guessing", "spraying", "let-in", "known-clients-failing", "probing", "secret-in-url",
              "application-failing")  # fmt: skip
Count = Annotated[float, Field(ge=1, le=10_000)]  # no policy makes a review take hours, or all memory
Minutes = Annotated[float, Field(gt=0, le=100_000)]
Share = Annotated[float, Field(ge=0, le=1)]
Rung = Annotated[tuple[Minutes, ...], Field(min_length=2, max_length=3)]  # so many, of networks, in minutes


class Rule(BaseModel, frozen=True, extra="forbid"):
    """The thresholds of one detection. Which of them it has, and their defaults, generic.toml says."""

    severity: Annotated[str, Field(min_length=1), among(*SEVERITIES)]
    ladder: tuple[Rung, ...] = ()
    without_address: Rung = (1, 1)
    high: Count = 1
    most_per_network: Count = 1
    share: Share = 1
    minutes: Minutes = 1
    known: Count = 1
    quiet_hours: Count = 1
    days: Count = 1
    clients: Count = 1
    onset_minutes: Minutes = 1
    everyone: Share = 1
    routes: Count = 1
    sensitive: Count = 1
    errors: Count = 1
    restarts: Count = 1
    silence_minutes: Minutes = 1
    expected: Count = 1


class _Failure(BaseModel, frozen=True, extra="forbid"):
    statuses: tuple[Annotated[int, Field(ge=100, le=599)], ...] = ()  # none if messages alone tell it
    messages: tuple[str, ...] = ()  # used where no status tells a failed login


class Access(BaseModel, frozen=True, extra="forbid"):
    """Which routes ask for a secret, as globs: the policy's [access]."""

    open: tuple[str, ...] = ()
    login: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()


class DetectionPolicy(BaseModel, frozen=True, extra="forbid"):
    """What the detections of one application go by. Routes are globs in which `*` is the only wildcard."""

    thresholds: Mapping[str, Rule]  # by DETECTIONS
    failure: _Failure = _Failure(statuses=REFUSED)
    sensitive_routes: tuple[str, ...]
    proxy_networks: tuple[IPvAnyNetwork, ...]
    public_addresses: int | None = Field(None, ge=1)  # so many show that clients are callers
    clients: Annotated[str, among("real")] = ""  # real: clients are callers, however few
    caller_secrets: tuple[str, ...]  # those whose rotation callers notice; (): any
    grace_hours: Mapping[str, Annotated[float, Field(ge=0, le=10_000)]]  # by secret; "default" for the rest
    limits_requests: bool = False  # 429 is wired
    known_messages: tuple[Annotated[str, among(*MESSAGE_KINDS)], ...]  # whose wording the formats know
    logs_queries: bool  # the logs keep the query of a request
    let_in_minutes: Minutes  # an address that succeeds so soon after it failed has mistyped
    known_clients: tuple[IPvAnyNetwork, ...] = ()  # own monitors: marked wherever they take part
    access: Access
    own_logins: tuple[Login, ...]  # that the policy itself declares
    added_logins: tuple[Login, ...]  # that audit.toml adds
    no_logins: tuple[str, ...]  # what looks like one and is none, such as "POST /api/tokens"

    logins = property(lambda it: (*it.own_logins, *it.added_logins))  # all that are declared
    failure_declared = property(lambda it: "failure" in it.model_fields_set or bool(it.own_logins))

    def may_be_proxy(self, client: str) -> bool:
        """Whether an address may be a proxy's: of proxy_networks, if the policy does not say otherwise."""
        return not self.clients and _is_in(client, self.proxy_networks)

    def is_known(self, client: str) -> bool:
        """Whether it is an address that the policy names as its own (known_clients)."""
        return _is_in(client, self.known_clients)

    def grace(self, change: str) -> float:
        """Hours that clients have to follow a rotation of a secret, or a deploy."""
        return self.grace_hours.get(change, self.grace_hours["default"])


def _is_in(client: str, networks: tuple[Any, ...]) -> bool:
    address, own = locate(client)
    return own != "" and any(ipaddress.ip_address(address) in network for network in networks)


def detection_policy(policy: Policy) -> DetectionPolicy:
    """The policy's detections; audit.toml makes no route less protected. `BadInput` with all their faults."""
    place, stated = f"policy {policy.name}: detections", dict(policy.detections)
    own, added = (tuple(login for login in policy.logins if login.added is by) for by in (False, True))
    named = (*policy.access.get("login", ()), *(one.route for one in own))
    stated |= {"thresholds": {name: stated.pop(name) for name in DETECTIONS}, "no_logins": policy.no_logins}
    stated |= {"access": {**policy.access, "login": named}, "own_logins": own, "added_logins": added}
    try:
        found = DetectionPolicy.model_validate(stated)
    except ValidationError as error:
        errors = error.errors(include_input=False, include_context=False, include_url=False)
        paths = (".".join(map(str, (place, *one["loc"]))).replace(".thresholds.", ".") for one in errors)
        raise BadInput(map(Fault, paths, (one["msg"] for one in errors))) from None
    BadInput.unless(found.failure != _Failure(), f"{place}.failure", "declares neither statuses nor messages")
    return found


def formats_of(project: Project, policy: Policy) -> LogFormats:
    """The log formats in force, with what the policy declares; raises BadInput with every fault of them."""
    names = tuple(name for one in policy.secrets if one.kind == "secret" for name in (one.name, *one.aliases))
    return project_formats(project, names).declaring(detection_policy(policy).failure.statuses, policy.logins)

"""The policy's [detections]: what a failed login is, which routes matter, each threshold in its range."""

import ipaddress
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, IPvAnyNetwork, ValidationError

from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.log_kinds import MESSAGE_KINDS
from audit_lib.logins.requests import REFUSED, Access
from audit_lib.logs.formats import LogFormats, project_formats
from audit_lib.settings import Login, Policy, Project


def _message_kind(kind: str) -> str:
    if kind not in MESSAGE_KINDS:
        raise ValueError(f"must be one of {', '.join(MESSAGE_KINDS)}")
    return kind


# The ranges keep a project's own policy from making a review take hours or all memory.
Number = Annotated[float, Field(ge=0, le=10_000)]
Count = Annotated[float, Field(ge=1, le=10_000)]
Minutes = Annotated[float, Field(gt=0, le=100_000)]
Share = Annotated[float, Field(ge=0, le=1)]
Status = Annotated[int, Field(ge=100, le=599)]
Severity = Literal["info", "low", "medium", "high", "critical"]
Kind = Annotated[str, AfterValidator(_message_kind)]


class _Table(BaseModel):
    """A table of the policy: frozen, and without a key that nothing reads."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Guessing(_Table):
    """Failed logins of one address, or of a /24 or /64, that end in no success."""

    severity: Severity = "medium"
    # So many failures within so many minutes: fail2ban's jail.conf; CrowdSec ssh-time-based-bf; our own.
    ladder: tuple[tuple[Count, Minutes], ...] = ((5, 10), (6, 360), (10, 10_080))
    without_address: tuple[Count, Minutes] = (10, 5)  # the first application's monitoring guide
    high: Count = 60  # from so many on it is high


class Spraying(_Table):
    """Few failures of each of many addresses that were never let in, on one route."""

    severity: Severity = "high"
    # So many failures from so many networks within so many minutes: Elastic's password spraying; our own.
    ladder: tuple[tuple[Count, Count, Minutes], ...] = ((25, 5, 15), (15, 10, 180), (40, 20, 20_160))
    most_per_network: Count = 5  # a network counts no more
    share: Share = 0.2  # of the addresses that are let in there at that time


class LetIn(_Table):
    """A success after failures of the same address, or of its network (Elastic, Sentinel)."""

    severity: Severity = "critical"
    ladder: tuple[tuple[Count, Minutes], ...] = ((5, 10), (10, 1440))  # before the last failure
    minutes: Minutes = 10  # from the last failure until the success
    known: Count = 10  # failures of an address that was let in before: with fewer it mistypes
    quiet_hours: Number = 24  # without a success of its network, if several addresses fail
    days: Number = 30  # so long unseen a network is new


class KnownClientsFailing(_Table):
    """Clients that were let in before fail from about the same time on."""

    severity: Severity = "medium"
    minutes: Minutes = 5  # each for longer
    clients: Count = 2  # at least, unless a rotation explains one
    share: Share = 0.3  # of the known clients that ask at that time
    onset_minutes: Minutes = 60  # from the first to the last to fail, if no change is on record
    everyone: Share = 0.9  # such a share of failing requests is high


class Probing(_Table):
    """Routes that are not there, and files that nobody has to see (CrowdSec http-probing)."""

    severity: Severity = "medium"
    routes: Count = 10  # more within `minutes`
    minutes: Minutes = 2
    sensitive: Count = 4  # requests within an hour for sensitive files


class SecretInUrl(_Table):
    """A query that names a secret (CWE-598)."""

    severity: Severity = "high"


class ApplicationFailing(_Table):
    """Server errors, failures that messages report, restarts, and silence."""

    severity: Severity = "medium"
    errors: Count = 10  # more within `minutes`
    minutes: Minutes = 10
    share: Share = 0.5  # of all requests, for errors of all addresses together
    restarts: Count = 3  # within `minutes`
    silence_minutes: Minutes = 60
    expected: Count = 20  # requests that a silence would hold


class Failure(_Table):
    """What a failed login looks like: by default the two statuses of HTTP."""

    statuses: tuple[Status, ...] = ()
    messages: tuple[str, ...] = ()  # used where no status tells a failed login
    ambiguous_routes: tuple[str, ...] = ()  # a failed status there can follow a right password


class DetectionPolicy(_Table):
    """What the detections of one application go by. Routes are globs in which `*` is the only wildcard."""

    guessing: Guessing = Guessing()
    spraying: Spraying = Spraying()
    let_in: LetIn = Field(LetIn(), alias="let-in")
    known_clients_failing: KnownClientsFailing = Field(KnownClientsFailing(), alias="known-clients-failing")
    probing: Probing = Probing()
    secret_in_url: SecretInUrl = Field(SecretInUrl(), alias="secret-in-url")
    application_failing: ApplicationFailing = Field(ApplicationFailing(), alias="application-failing")
    failure: Failure | None = None
    sensitive_routes: tuple[str, ...] = ()
    proxy_networks: tuple[IPvAnyNetwork, ...] = ()
    public_addresses: int | None = Field(None, ge=1)  # so many show that clients are callers
    clients: Literal["real", ""] = ""  # real: clients are callers, however few
    caller_secrets: tuple[str, ...] = ()  # those whose rotation callers notice; (): any
    grace_hours: Mapping[str, Number] = {}  # by secret; "default" for the rest
    limits_requests: bool = False  # 429 is wired
    known_messages: tuple[Kind, ...] = ()  # kinds that the formats know in this application's words
    logs_queries: bool = False  # the logs keep the query of a request
    let_in_minutes: Minutes = 10  # an address that succeeds so soon after it failed has mistyped
    known_clients: tuple[IPvAnyNetwork, ...] = ()  # own monitors: marked wherever they take part
    access: Access = Access()
    logins: tuple[Login, ...] = ()

    @property
    def failure_declared(self) -> bool:
        """Whether the policy says what a failed login looks like."""
        return self.failure is not None or any(not login.added for login in self.logins)

    @property
    def failed_statuses(self) -> tuple[int, ...]:
        """The statuses that are a failed login; none if messages alone tell it."""
        return REFUSED if self.failure is None else self.failure.statuses

    @property
    def failed_messages(self) -> tuple[str, ...]:
        """The messages that are a failed login where no status tells one."""
        return self.failure.messages if self.failure else ()

    @property
    def refused_statuses(self) -> tuple[int, ...]:
        """401 and 403, and what else the policy declares to be a failed login."""
        return tuple(sorted({*REFUSED, *self.failed_statuses}))

    @property
    def named_routes(self) -> tuple[str, ...]:
        """The globs of this application's own routes that the policy names."""
        return (*self.access.protected, *(login.route for login in self.logins if not login.added))

    @property
    def added_logins(self) -> tuple[Login, ...]:
        """The logins that audit.toml declares."""
        return tuple(login for login in self.logins if login.added)

    def is_private(self, client: str) -> bool:
        """Whether it is an address that a proxy has."""
        return _is_in(client, self.proxy_networks)

    def grace(self, change: str) -> float:
        """Hours that clients have to follow a rotation of a secret, or a deploy."""
        return self.grace_hours.get(change, self.grace_hours.get("default", 24.0))


def is_known(client: str, policy: DetectionPolicy) -> bool:
    """Whether an address is one that the policy names as its own (known_clients)."""
    return _is_in(client, policy.known_clients)


def _is_in(client: str, networks: tuple[Any, ...]) -> bool:
    try:
        return any(ipaddress.ip_address(client) in network for network in networks)
    except ValueError:
        return False


DETECTIONS = (
    *("guessing", "spraying", "let-in", "known-clients-failing", "probing", "secret-in-url"),
    "application-failing",
)
# What the policies of before name, and what has its place.
RENAMED = {
    **dict.fromkeys(("A1", "A2", "A3", "A4", "A6"), "guessing"),
    **dict.fromkeys(("A7", "A8"), "let-in"),
    **dict.fromkeys(("A9", "A10", "A11"), "known-clients-failing"),
    **dict.fromkeys(("A16", "A18", "A19"), "application-failing"),
    **{"A5": "spraying", "A15": "probing", "A17": "secret-in-url"},
    **{"A12": "the alert on 429", "A14": "the table by address"},
    **dict.fromkeys(("A13", "A20"), "the daily figure"),
}


def detection_policy(policy: Policy) -> DetectionPolicy:
    """The policy's detections, with defaults for what it leaves out.

    Raises:
        BadInput: every fault of its [detections].
    """
    place, given = f"policy {policy.name}: detections", policy.detections
    faults = [Fault(f"{place}.{old}", f"is now {RENAMED[old]}") for old in RENAMED if old in given]
    faults += [Fault(f"{place}.{key}", "belongs elsewhere") for key in ("access", "logins") if key in given]
    own = {key: value for key, value in given.items() if key not in RENAMED}
    more: dict[str, Any] = {"access": Access.of(policy), "logins": policy.logins}
    try:
        found = DetectionPolicy.model_validate(own | more)
    except ValidationError as error:
        for one in error.errors(include_input=False, include_context=False, include_url=False):
            faults.append(Fault(".".join((place, *map(str, one["loc"]))), one["msg"]))
    else:
        if found.failure and not (found.failure.statuses or found.failure.messages):
            faults.append(Fault(f"{place}.failure", "declares neither statuses nor messages"))
    if faults:
        raise BadInput(faults)
    return found


def formats_of(project: Project, policy: Policy) -> LogFormats:
    """The log formats that audit.toml names, else the bundled ones, with what the policy declares.

    Raises:
        BadInput: every fault of the formats.
    """
    statuses = detection_policy(policy).failed_statuses
    return project_formats(project, policy.secret_variables).declaring(statuses, policy.logins)

"""The settings of one application: what audit.toml and policies may say, as the audit uses it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, StrictBool, StrictInt, StrictStr

from audit_lib.base.errors import Fault
from audit_lib.base.log_kinds import DECLARED, MESSAGE_KINDS, MOST_LOGINS
from audit_lib.settings.fields import (
    CLASSES,
    CONFIG,
    ENVIRONMENTS,
    FACTS,
    KINDS,
    LARGEST,
    LOADERS,
    METHODS,
    PLACED,
    RECORDS,
    REFRESHES,
    REQUESTS,
    REQUIREMENTS,
    ROUTE,
    RUNTIMES,
    AnyEnvironment,
    Computed,
    Count,
    Days,
    Digest,
    EnvironmentName,
    Expression,
    Instant,
    Names,
    PathGiven,
    PathInProject,
    ProjectName,
    Redirect,
    ServiceGiven,
    ServiceName,
    Severity,
    Some,
    Status,
    Texts,
    Variable,
    Zone,
    among,
    distinct,
    environment_name,
    environments_check,
    fault,
    matching,
    needed,
    no_two,
    path_check,
    period_check,
    within,
    written,
)

MOST_FAULTS = 20  # of one file, named one by one
_PLACED = re.compile(r"([A-Za-z]+)/(\w[\w.-]{0,79})=(.+)", re.DOTALL)


# ---- Where the evidence is ----


@dataclass(frozen=True)
class EnvSource:
    """An env file of one service in one environment. `example` files are templates, not environments."""

    environment: AnyEnvironment
    service: ServiceGiven
    path: PathGiven  # relative to the project
    example: StrictBool = False
    export: StrictBool = False  # the platform's values, left in a file: in force, and a finding by itself
    backup: StrictBool = False  # a copy beside the source: a witness (E4), never what is in force
    loader: Annotated[StrictStr, among(*LOADERS)] = ""  # "" if the file and its neighbours have to say
    __pydantic_config__ = CONFIG


def _one_state(source: EnvSource) -> EnvSource:
    if source.example + source.backup + source.export > 1:
        raise fault("must be only one of example, backup and export")
    if source.example and source.environment:
        raise fault("is an example, so it must not have an environment")
    if not source.example and not source.environment:
        raise fault("has no environment")
    return source


@dataclass(frozen=True)
class LogSource:
    """Log files by pattern, within the project or absolute, and the zone of their zone-less times.

    Of a log that `--log` gives, `file` is where it is and `pattern` what it is called.
    """

    pattern: Annotated[StrictStr, path_check(absolute=True), AfterValidator(needed)]
    service: ServiceName = ""
    environment: AnyEnvironment = ""
    time_zone: Zone = "UTC"
    instances: Annotated[StrictInt, within(1, LARGEST)] = 0  # so many write logs there; 0: nobody says
    zone_declared: Annotated[bool, Computed] = False  # by audit.toml, for the log or for the project
    file: Annotated[Path | None, Computed] = field(default=None, repr=False)
    dated: Annotated[bool, Computed] = True  # whether the file's own date says when it was written
    __pydantic_config__ = CONFIG


@dataclass(frozen=True)
class DeploySource:
    """Deploy lists of the platform by pattern, relative to the project, and what they are of."""

    pattern: PathGiven
    service: ServiceName = ""
    environment: AnyEnvironment = ""
    __pydantic_config__ = CONFIG


@dataclass(frozen=True)
class EvidenceSource:
    """Exports of a secret store by pattern, relative to the project: since when its values are there."""

    pattern: PathGiven
    service: ServiceGiven
    environment: Annotated[AnyEnvironment, AfterValidator(needed)]
    secret: Annotated[StrictStr, matching(r"[A-Za-z_]\w{0,127}", "must be the name of a variable")] = ""
    __pydantic_config__ = CONFIG


def source_row(
    source: LogSource | DeploySource | EvidenceSource, name: str, kind: str, **columns: Any
) -> dict[str, Any]:
    """A row of the contract Sources for a file, or a pattern, of a source: read, unless `columns` differ."""
    place = {"source": name, "kind": kind, "environment": source.environment, "service": source.service}
    return place | {"state": "read", "reason": "", "remedy": ""} | columns


def first_faults(faults: Iterable[str]) -> str:
    """The first twenty faults of a file, and how many more there are; "" if it has none."""
    listed = list(faults)
    left = len(listed) - MOST_FAULTS
    return "; ".join([*listed[:MOST_FAULTS], *([f"{left} more faults"] if left > 0 else [])])


@dataclass(frozen=True)
class StoreDate:
    """What a store says of one secret: its value came in after `lo`, if that is known, and by `hi`."""

    secret: str  # "" for all of the service
    kind: str  # E13 | E14 | E15
    lo_at: datetime | None
    hi_at: datetime
    text: str


@dataclass(frozen=True)
class GivenValues:
    """Values given with `--env ENVIRONMENT/SERVICE=FILE|-|environ`: read once, never stored.

    `dates` are what the store says of them; an export of dates alone has no content.
    """

    environment: str
    service: str
    origin: str
    content: bytes = field(repr=False)
    dates: tuple[StoreDate, ...] = ()


def placed_option(text: str) -> tuple[str, str, str] | None:
    """What `ENVIRONMENT/SERVICE=REST` names, with the environment's full name; None for any other text."""
    found = PLACED.fullmatch(text)
    environment = environment_name(found[1]) if found else ""
    return (environment, found[2], found[3]) if found and environment else None


# ---- What is demanded ----


@dataclass(frozen=True)
class Login:
    """One way in: an answer with a failed status on its route is a failed login, and so is its message."""

    name: Annotated[Some, matching(r"\w[\w .-]{0,39}", "must be at most 40 letters, digits, spaces, dots, …")]
    method: Annotated[StrictStr, among(*METHODS)]
    route: Annotated[  # as it is counted, identifiers as {id}; letter case and a slash at the end aside
        Some, matching(ROUTE.pattern, "must be a path as the logs count it, {id} for identifiers, no query")
    ]
    failed_statuses: Annotated[tuple[Status, ...], AfterValidator(distinct)] = ()
    failed_redirect: Redirect = ""  # where who failed is sent: a path, perhaps with ?parameter
    failed_message: Annotated[  # what the application writes then: a text within the message
        StrictStr,
        matching(
            r"[A-Za-z0-9][ -z|~]{5,199}", "must be 6 to 200 characters of ASCII, a letter or digit first"
        ),
    ] = ""
    succeeded_statuses: Annotated[tuple[Status, ...], AfterValidator(distinct)] = ()
    succeeded_redirect: Redirect = ""  # where who got in is sent
    added: Annotated[bool, Computed] = False  # by audit.toml: it adds to what counts, and takes nothing away
    __pydantic_config__ = CONFIG

    @property
    def failure(self) -> str:
        """What a failure is, in words."""
        words = [
            ", ".join(map(str, self.failed_statuses)),
            f"redirect to {self.failed_redirect}" if self.failed_redirect else "",
            f'"{self.failed_message}"' if self.failed_message else "",
        ]
        return " or ".join(filter(None, words))


def _whole_login(login: Login) -> Login:
    if not login.failure:
        raise fault("declares no failure: failed_statuses, failed_redirect or failed_message")
    if login.succeeded_redirect and not login.failed_redirect:
        raise fault("has a succeeded_redirect, but no failed_redirect")
    if set(login.failed_statuses) & set(login.succeeded_statuses):
        raise fault("has one status as a failure and as a success")
    if max(len(login.failed_statuses), len(login.succeeded_statuses)) > 10:
        raise fault("must hold at most 10 statuses")
    return login


def _few_logins(logins: tuple[Login, ...]) -> tuple[Login, ...]:
    if len(logins) > MOST_LOGINS:
        raise fault(f"has more than {MOST_LOGINS} [[logins]]")
    return logins


Logins = Annotated[
    tuple[Annotated[Login, written(method="POST"), AfterValidator(_whole_login)], ...],
    AfterValidator(_few_logins),
    no_two("name"),
]


@dataclass(frozen=True)
class AlertRule:
    """One alert: so many events of these kinds within so many minutes, or so many records of the ledger."""

    name: Some
    severity: Severity = "medium"
    kinds: tuple[Annotated[Some, among(*REQUESTS, *MESSAGE_KINDS)], ...] = ()
    records: tuple[Annotated[Some, among(*RECORDS)], ...] = ()
    at_least: Days = 1
    minutes: Days = 60
    guide_line: Days = 0
    __pydantic_config__ = CONFIG


def _one_cause(alert: AlertRule) -> AlertRule:
    if bool(alert.kinds) == bool(alert.records):
        raise fault("must name either kinds of the log or records of the ledger")
    # Another status that the policy declares is a refusal like these two.
    declared = {"unauthorized", "forbidden"} & {*alert.kinds} and DECLARED not in alert.kinds
    return replace(alert, kinds=(*alert.kinds, DECLARED)) if declared else alert


@dataclass(frozen=True)
class Consumer:
    """What reads a secret. Each field but the name is "" if the policy does not say."""

    name: Some
    runtime: Annotated[StrictStr, among(*RUNTIMES)] = ""
    refresh: Annotated[StrictStr, among(*REFRESHES)] = ""  # never: somebody enters the new value by hand
    verify: StrictStr = ""  # how to see that it works with the new value
    owner: StrictStr = ""
    documentation: StrictStr = ""
    __pydantic_config__ = CONFIG


@dataclass(frozen=True)
class SecretRule:
    """What a policy says of one variable. `lines` are those of the guide, by what they state.

    Source of the owner's fields: the OWASP Secrets Management Cheat Sheet, 2.11.
    """

    name: Variable
    service: ServiceGiven
    kind: Annotated[StrictStr, among(*KINDS)]  # only a secret is fingerprinted in reports, sealed and aged
    required: Annotated[StrictStr, among(*REQUIREMENTS)] = "always"
    title: StrictStr = ""
    purpose: StrictStr = ""
    owner: StrictStr = ""
    reach: StrictStr = ""  # what it can do
    reviewed: Instant = ""  # the date of the owner's last review
    reason: StrictStr = ""  # of its period
    aliases: Names = ()
    required_in: tuple[EnvironmentName, ...] = ()  # where `required` holds; empty: in all
    missing_severity: Severity = "high"  # if a required one is missing; "" for a setting: it is only listed
    fallback: StrictStr = ""  # what the application does without it
    format: StrictStr = ""  # a name in Policy.formats; "" where the guide states none
    usual_format: StrictStr = ""  # what the provider is known to issue: another form is a warning, no fault
    forbidden_formats: Texts = ()  # a live key where paper is demanded, an admin key
    component: Annotated[StrictStr, among("whole", "password")] = "whole"  # of a URL the part that is secret
    min_length: Count = 0
    good_length: Count = 0  # what the guide's own generator gives; between the two is a warning
    classes: tuple[Annotated[Some, among(*CLASSES)], ...] = ()  # those the component must hold …
    enough_bits: Count = 0  # … unless it is at least so strong without them; 0: no such way out
    placeholders: Texts = ()  # beside Policy.placeholders, and written like them
    defaults: Texts = ()  # globs of values that work and that everyone knows
    equals: Names = ()  # variables that must hold the same value in the same environment
    differs: Names = ()  # variables that must not
    rotates_with: Names = ()
    shared: StrictBool = False  # one value may serve all environments
    expected: Mapping[EnvironmentName, Some] = field(default_factory=dict)  # a setting's exact value
    environment_formats: Mapping[EnvironmentName, Some] = field(default_factory=dict)
    public: StrictBool = False  # the guide itself puts it into the browser
    exposure_severity: Severity = ""  # of a secret that is public; "" leaves it to the check
    max_age_days: Annotated[StrictInt | None, AfterValidator(period_check)] = None  # None: exempt
    exempt: StrictBool = False
    consumers: Texts = ()
    restart: Annotated[StrictStr, among("restart", "rebuild")] = ""  # of the consumers, for a new value
    generate: StrictStr = ""  # the command that makes a new value
    obtain: StrictStr = ""  # where a new value is got, if it is not made
    revoke: StrictStr = ""  # how the old value is revoked at its provider
    overlap: Annotated[StrictStr, among("yes", "no", "unknown")] = "unknown"  # old and new both valid a while
    counterpart: StrictStr = ""  # the other end that must get the new value, such as a database's role
    grace_variable: StrictStr = ""  # where the old value stays valid for a while, if the application can
    sessions_lost: StrictStr = ""  # whose sessions end with the old value
    lines: Mapping[Annotated[StrictStr, among(*FACTS)], tuple[Days, ...]] = field(default_factory=dict)
    period_stated: Annotated[bool, Computed] = False  # the policy gives this period; else it is a default
    strict_max_age_days: Annotated[int | None, Computed] = None  # the guide's "at minimum" for all
    __pydantic_config__ = CONFIG

    @property
    def guide_lines(self) -> tuple[int, ...]:
        """All lines of the guide that speak of this variable."""
        return tuple(sorted({line for lines in self.lines.values() for line in lines}))

    def cited(self, *facts: str) -> tuple[int, ...]:
        """The lines of the guide that state these facts: period, pairing, length, …"""
        return tuple(sorted({line for fact in facts for line in self.lines.get(fact, ())}))


def _with_kind(block: Any) -> Any:
    """A block with its kind, and what it says of one that is missing: of a setting that it is only listed."""
    if not isinstance(block, dict):
        return block
    severity = "high" if block.get("kind", "secret") == "secret" else ""
    return {"kind": "secret", "missing_severity": severity, **block}


def _whole_secret(rule: SecretRule) -> SecretRule:
    if rule.exempt and rule.max_age_days is not None:
        raise fault("has a max_age_days, but is exempt from rotation")
    if rule.kind != "secret" and rule.max_age_days is not None:
        raise fault(f"has a max_age_days, but is a {rule.kind}")
    if rule.good_length and rule.good_length < rule.min_length:
        raise fault("good_length is less than min_length")
    if rule.expected and rule.kind == "secret":
        raise fault("expected would contain a secret's value: only a setting or an identifier may have one")
    return rule


@dataclass(frozen=True)
class StartUpSettings:
    """Which start of the application is strict, and by which variables production is known."""

    strict_variable: StrictStr = ""
    production_signs: Mapping[str, StrictStr] = field(default_factory=dict)  # variable: pattern of its value
    __pydantic_config__ = CONFIG


@dataclass(frozen=True)
class Policy:
    """What is demanded of one application: of each variable, of its logins, and what must be reported.

    Placeholders, defaults and name patterns are globs over the whole text, letter case aside, in which
    `*` is the only wildcard: `*change-me*` is a placeholder wherever it is, `test` only alone.
    """

    name: ProjectName
    path: Annotated[Path, Computed] = Path()
    sha256: Annotated[str, Computed] = ""
    secrets: Annotated[
        tuple[Annotated[SecretRule, BeforeValidator(_with_kind), AfterValidator(_whole_secret)], ...],
        no_two("name"),
    ] = ()
    title: StrictStr = ""
    extends: StrictStr = ""
    formats: Mapping[str, Expression] = field(default_factory=dict)  # name: regular expression of the whole
    placeholders: Texts = ()
    public_prefixes: Texts = ()
    public_names: Texts = ()  # patterns of names whose values their provider publishes
    secret_names: Texts = ()  # patterns of names that look like a secret's
    secret_url_names: Texts = ()  # … if the value is a URL with a password
    compromised: Annotated[tuple[Digest, ...], AfterValidator(distinct)] = ()  # SHA-256 of public values
    warn_days: Count = 14
    default_max_age_days: Days = 90  # for a secret whose period nobody states
    strict_max_age_days: Annotated[StrictInt | None, AfterValidator(period_check)] = (
        None  # "at minimum" for all
    )
    guide_sha256: Digest = ""  # of the guide's text that the line numbers refer to
    recognised_by: Names = ()  # variables by which a project is known to be this application
    recognised_at_least: Days = 1  # … and how many of them
    alerts: Annotated[tuple[Annotated[AlertRule, AfterValidator(_one_cause)], ...], no_two("name")] = ()
    logins: Logins = ()  # its own, then those that audit.toml adds
    consumers: Annotated[tuple[Consumer, ...], no_two("name")] = ()
    rules: StrictStr = ""  # the guide's numbered rules: a bundled name, or a file beside the policy
    access: Mapping[Annotated[StrictStr, among("open", "login", "protected")], Texts] = field(
        default_factory=dict
    )
    attestations: Mapping[str, Some] = field(default_factory=dict)  # rule: the question
    detections: Mapping[str, Any] = field(default_factory=dict)  # checked against the bundled ones
    due_days: Mapping[Severity, Annotated[StrictInt, within(1, 3650)]] = field(default_factory=dict)
    emergency: Mapping[str, Some] = field(default_factory=dict)  # diagnosis: lines of the guide
    startup: StartUpSettings = field(default_factory=StartUpSettings)
    __pydantic_config__ = CONFIG

    def rule(self, name: str) -> SecretRule | None:
        """The rule for a variable, by its name or an alias."""
        return next((rule for rule in self.secrets if name == rule.name or name in rule.aliases), None)

    @property
    def secret_variables(self) -> tuple[str, ...]:
        """The names and aliases of the variables that hold a secret."""
        held = (rule for rule in self.secrets if rule.kind == "secret")
        return tuple(name for rule in held for name in (rule.name, *rule.aliases))

    def consumer(self, name: str) -> Consumer:
        """What the policy says of a consumer; only its name if it says nothing."""
        return next((one for one in self.consumers if one.name == name), Consumer(name))


@dataclass(frozen=True)
class Project:
    """Where one application's evidence is.

    Paths are relative to `root` and never lead out of it, but for logs in a folder of `log_folders`.
    """

    name: ProjectName
    root: Annotated[Path, Computed] = Path()
    extends: StrictStr = ""  # the bundled policy that its audit.toml names; "" where none was named
    guide: PathInProject = "docs/SECRETS.md"
    environments: Annotated[tuple[AnyEnvironment, ...], AfterValidator(environments_check)] = ENVIRONMENTS
    env_sources: Annotated[
        tuple[Annotated[EnvSource, written(environment=""), AfterValidator(_one_state)], ...],
        no_two("path"),
    ] = ()
    log_sources: Annotated[tuple[Annotated[LogSource, written(time_zone="")], ...], no_two("pattern")] = ()
    log_folders: Annotated[tuple[str, ...], Computed] = ()  # outside, that the owner allows to read logs from
    formats: PathInProject = ""  # a file of log formats to read by, in place of the bundled ones
    deploy_sources: Annotated[tuple[DeploySource, ...], no_two("pattern")] = ()
    evidence_sources: tuple[EvidenceSource, ...] = ()
    exports: tuple[PathGiven, ...] = ()
    leavers: PathInProject = ""  # a list of who left, and when
    breaches: PathInProject = ""  # a list of providers that reported a breach, and when
    access_log: PathInProject = ""  # the platform's own log of who looked at values
    may_look: Texts = ()  # who may look at values there
    logins: Logins = ()
    time_zone: Zone = "UTC"  # of the times that people and logs write without one
    zone_declared: Annotated[bool, Computed] = False  # by audit.toml
    ledger: Annotated[Path | None, Computed] = None  # default root/.audit/ledger
    configured: Annotated[bool, Computed] = False  # an audit.toml was read
    layout: Annotated[Path | None, Computed] = None  # the audit.toml that was read
    layout_sha256: Annotated[str, Computed] = ""
    pinned_as_of: Instant = ""  # the sample's own date
    key: Annotated[StrictStr, among("demo")] = ""  # the sample's public key; "" for the auditor's own
    not_searched: Annotated[tuple[Fault, ...], Computed] = ()  # what discovery left out: the place, then why
    demands: Annotated[Mapping[str, Any], Computed] = field(default_factory=dict, repr=False, compare=False)
    __pydantic_config__ = CONFIG

    @property
    def ledger_dir(self) -> Path:
        """The folder of the ledger's chains, one file a writer."""
        return self.ledger or self.root / ".audit" / "ledger"


BLOCKS: Mapping[str, type] = {
    "secret": SecretRule,
    "consumer": Consumer,
    "alerts": AlertRule,
    "logins": Login,
    "env": EnvSource,
    "log": LogSource,
    "deploys": DeploySource,
    "evidence": EvidenceSource,
    "startup": StartUpSettings,
}

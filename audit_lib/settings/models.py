"""The settings of one application: what audit.toml and policies may say, as the audit uses it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, StrictBool, StrictStr

from audit_lib.base.errors import Fault
from audit_lib.base.in_words import DECLARED, MOST_LOGINS
from audit_lib.settings import fields as f

MOST_FAULTS = 20  # of one file, named one by one
_PLACED = re.compile(r"([A-Za-z]+)/(\w[\w.-]{0,79})=(.+)", re.DOTALL)


# ---- Where the evidence is ----


@dataclass(frozen=True)
class EnvSource:
    """An env file of one service in one environment. `example` files are templates, not environments."""

    environment: f.Environment
    service: f.NameGiven
    path: f.InProjectGiven  # relative to the project
    example: StrictBool = False
    export: StrictBool = False  # the platform's values, left in a file: in force, and a finding by itself
    backup: StrictBool = False  # a copy beside the source: a witness (E4), never what is in force
    loader: f.Loader = ""  # "" if the file and its neighbours have to say
    __pydantic_config__ = f.CONFIG


WholeEnv = Annotated[
    EnvSource,
    f.written(environment=""),
    f.check(
        lambda env: env.example + env.backup + env.export <= 1,
        "must be only one of example, backup and export",
    ),
    f.check(
        lambda env: not (env.example and env.environment), "is an example, so it must not have an environment"
    ),
    f.check(lambda env: env.example or env.environment, "has no environment"),
]


@dataclass(frozen=True)
class LogSource:
    """Log files by pattern, within the project or absolute, and the zone of their zone-less times.

    Of a log that `--log` gives, `file` is where it is and `pattern` what it is called.
    """

    pattern: f.Anywhere
    service: f.Name = ""
    environment: f.Environment = ""
    time_zone: f.Zone = "UTC"
    instances: f.Days = 0  # so many write logs there; 0: nobody says
    zone_declared: Annotated[bool, f.Computed] = False  # by audit.toml, for the log or for the project
    file: Annotated[Path | None, f.Computed] = field(default=None, repr=False)
    dated: Annotated[bool, f.Computed] = True  # whether the file's own date says when it was written
    __pydantic_config__ = f.CONFIG


WholeLog = Annotated[LogSource, f.written(time_zone="")]


@dataclass(frozen=True)
class DeploySource:
    """Deploy lists of the platform by pattern, relative to the project, and what they are of."""

    pattern: f.InProjectGiven
    service: f.Name = ""
    environment: f.Environment = ""
    __pydantic_config__ = f.CONFIG


@dataclass(frozen=True)
class EvidenceSource:
    """Exports of a secret store by pattern, relative to the project: since when its values are there."""

    pattern: f.InProjectGiven
    service: f.NameGiven
    environment: Annotated[f.Environment, f.Needed]
    secret: f.AnyVariable = ""
    __pydantic_config__ = f.CONFIG


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
    kind: str  # E13 | E14
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
    found = _PLACED.fullmatch(text)
    environment = f.environment_name(found[1]) if found else ""
    return (environment, found[2], found[3]) if found and environment else None


# ---- What is demanded ----


@dataclass(frozen=True)
class Login:
    """One way in: an answer with a failed status on its route is a failed login, and so is its message."""

    name: f.LoginName
    method: f.Method
    route: f.Route  # as it is counted, identifiers as {id}; letter case and a slash at the end aside
    failed_statuses: f.Statuses = ()
    failed_redirect: f.Redirect = ""  # where who failed is sent: a path, perhaps with ?parameter
    failed_message: f.Phrase = ""  # what the application writes then: a text within the message
    succeeded_statuses: f.Statuses = ()
    succeeded_redirect: f.Redirect = ""  # where who got in is sent
    added: Annotated[bool, f.Computed] = False  # by audit.toml, to the policy's
    __pydantic_config__ = f.CONFIG

    @property
    def failure(self) -> str:
        """What a failure is, in words."""
        words = [", ".join(map(str, self.failed_statuses))] if self.failed_statuses else []
        words += [f"redirect to {self.failed_redirect}"] if self.failed_redirect else []
        return " or ".join([*words, f'"{self.failed_message}"'] if self.failed_message else words)


_NO_FAILURE = "declares no failure: failed_statuses, failed_redirect or failed_message"
_STATUSES = "has more than 10 statuses, or one as a failure and as a success"
WholeLogin = Annotated[
    Login,
    f.written(method="POST"),
    f.check(lambda login: login.failure, _NO_FAILURE),
    f.check(
        lambda login: login.failed_redirect or not login.succeeded_redirect,
        "has a succeeded_redirect, but no failed_redirect",
    ),
    f.check(lambda login: not {*login.failed_statuses} & {*login.succeeded_statuses}, _STATUSES),
    f.check(lambda login: max(len(login.failed_statuses), len(login.succeeded_statuses)) <= 10, _STATUSES),
]
Logins = Annotated[
    tuple[WholeLogin, ...],
    f.check(lambda logins: len(logins) <= MOST_LOGINS, f"has more than {MOST_LOGINS} [[logins]]"),
    f.no_two("name"),
]


@dataclass(frozen=True)
class AlertRule:
    """One alert: so many events of these kinds within so many minutes, or so many records of the ledger."""

    name: f.Some
    severity: f.Severity = "medium"
    kinds: tuple[f.EventKind, ...] = ()
    records: tuple[f.Record, ...] = ()
    at_least: f.Days = 1
    minutes: f.Days = 60
    guide_line: f.Days = 0
    __pydantic_config__ = f.CONFIG


def _one_cause(alert: AlertRule) -> AlertRule:
    if bool(alert.kinds) == bool(alert.records):
        raise f.fault("must name either kinds of the log or records of the ledger")
    # Another status that the policy declares is a refusal like these two.
    declared = {"unauthorized", "forbidden"} & {*alert.kinds} and DECLARED not in alert.kinds
    return replace(alert, kinds=(*alert.kinds, DECLARED)) if declared else alert


WholeAlert = Annotated[AlertRule, AfterValidator(_one_cause)]


@dataclass(frozen=True)
class SecretRule:
    """What a policy says of one variable. `lines` are those of the guide, by what they state.

    Source of the owner's fields: the OWASP Secrets Management Cheat Sheet, 2.11.
    """

    name: f.Variable
    service: f.NameGiven
    kind: f.Kind  # only a secret is fingerprinted in reports, sealed and aged
    required: f.Requirement = "always"
    title: StrictStr = ""
    purpose: StrictStr = ""
    owner: StrictStr = ""
    reach: StrictStr = ""  # what it can do
    reviewed: f.Instant = ""  # the date of the owner's last review
    reason: StrictStr = ""  # of its period
    aliases: f.Names = ()
    required_in: tuple[f.EnvironmentInFull, ...] = ()  # where `required` holds; empty: in all
    missing_severity: f.Severity = "high"  # if a required one is missing; "" for a setting: it is only listed
    fallback: StrictStr = ""  # what the application does without it
    format: StrictStr = ""  # a name in Policy.formats; "" where the guide states none
    usual_format: StrictStr = ""  # what the provider is known to issue: another form is a warning, no fault
    forbidden_formats: f.Texts = ()  # a live key where paper is demanded, an admin key
    component: f.Component = "whole"  # of a URL the part that is secret
    min_length: f.Count = 0
    good_length: f.Count = 0  # what the guide's own generator gives; between the two is a warning
    classes: tuple[f.CharacterClass, ...] = ()  # those the component must hold …
    enough_bits: f.Count = 0  # … unless it is at least so strong without them; 0: no such way out
    placeholders: f.Texts = ()  # beside Policy.placeholders, and written like them
    defaults: f.Texts = ()  # globs of values that work and that everyone knows
    equals: f.Names = ()  # variables that must hold the same value in the same environment
    differs: f.Names = ()  # variables that must not
    rotates_with: f.Names = ()
    shared: StrictBool = False  # one value may serve all environments
    expected: Mapping[f.EnvironmentInFull, f.Some] = field(default_factory=dict)  # a setting's exact value
    environment_formats: Mapping[f.EnvironmentInFull, f.Some] = field(default_factory=dict)
    public: StrictBool = False  # the guide itself puts it into the browser
    exposure_severity: f.Severity = ""  # of a secret that is public; "" leaves it to the check
    max_age_days: f.Days | None = None  # None: exempt
    exempt: StrictBool = False
    consumers: f.Texts = ()
    restart: f.Restart = ""  # of the consumers, for a new value
    generate: StrictStr = ""  # the command that makes a new value
    obtain: StrictStr = ""  # where a new value is got, if it is not made
    revoke: StrictStr = ""  # how the old value is revoked at its provider
    overlap: f.Overlap = "unknown"  # old and new both valid a while
    counterpart: StrictStr = ""  # the other end that must get the new value, such as a database's role
    sessions_lost: StrictStr = ""  # whose sessions end with the old value
    lines: Mapping[f.Fact, tuple[f.Days, ...]] = field(default_factory=dict)
    period_stated: Annotated[bool, f.Computed] = False  # the policy gives this period; else it is a default
    strict_max_age_days: Annotated[int | None, f.Computed] = None  # the guide's "at minimum" for all
    __pydantic_config__ = f.CONFIG

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


_EXPECTED = "expected would contain a secret's value: only a setting or an identifier may have one"
WholeSecret = Annotated[
    SecretRule,
    BeforeValidator(_with_kind),
    f.check(
        lambda rule: rule.max_age_days is None or not (rule.exempt or rule.kind != "secret"),
        "has a max_age_days, but is exempt from rotation",
    ),
    f.check(
        lambda rule: not rule.good_length or rule.good_length >= rule.min_length,
        "good_length is less than min_length",
    ),
    f.check(lambda rule: not rule.expected or rule.kind != "secret", _EXPECTED),
]


@dataclass(frozen=True)
class StartUpSettings:
    """Which start of the application is strict, and by which variables production is known."""

    strict_variable: StrictStr = ""
    production_signs: Mapping[str, StrictStr] = field(default_factory=dict)  # variable: pattern of its value
    __pydantic_config__ = f.CONFIG


@dataclass(frozen=True)
class Policy:
    """What is demanded of one application: of each variable, of its logins, and what must be reported.

    Placeholders, defaults and name patterns are globs over the whole text, letter case aside, in which
    `*` is the only wildcard: `*change-me*` is a placeholder wherever it is, `test` only alone.
    """

    name: f.Name
    path: Annotated[Path, f.Computed] = Path()
    sha256: Annotated[str, f.Computed] = ""
    secrets: Annotated[tuple[WholeSecret, ...], f.no_two("name")] = ()
    title: StrictStr = ""
    extends: StrictStr = ""
    formats: Mapping[str, f.Expression] = field(default_factory=dict)  # name: regular expression of the whole
    placeholders: f.Texts = ()
    public_prefixes: f.Texts = ()
    public_names: f.Texts = ()  # patterns of names whose values their provider publishes
    secret_names: f.Texts = ()  # patterns of names that look like a secret's
    secret_url_names: f.Texts = ()  # … if the value is a URL with a password
    compromised: f.Digests = ()  # SHA-256 of public values
    warn_days: f.Count = 14
    default_max_age_days: f.Days = 90  # for a secret whose period nobody states
    strict_max_age_days: f.Days | None = None  # the guide's "at minimum", for all
    guide_sha256: f.Digest = ""  # of the guide's text that the line numbers refer to
    recognised_by: f.Names = ()  # variables by which a project is known to be this application
    recognised_at_least: f.Days = 1  # … and how many of them
    alerts: Annotated[tuple[WholeAlert, ...], f.no_two("name")] = ()
    logins: Logins = ()  # its own, then those that audit.toml adds
    rules: StrictStr = ""  # the guide's numbered rules: a bundled name, or a file beside the policy
    access: Mapping[f.Access, f.Texts] = field(default_factory=dict)
    attestations: Mapping[str, f.Some] = field(default_factory=dict)  # rule: the question
    detections: Mapping[str, Any] = field(default_factory=dict)  # checked against the bundled ones
    due_days: Mapping[f.Severity, f.DueDays] = field(default_factory=dict)
    emergency: Mapping[str, f.Some] = field(default_factory=dict)  # diagnosis: lines of the guide
    startup: StartUpSettings = field(default_factory=StartUpSettings)
    __pydantic_config__ = f.CONFIG

    def rule(self, name: str) -> SecretRule | None:
        """The rule for a variable, by its name or an alias."""
        return next((rule for rule in self.secrets if name == rule.name or name in rule.aliases), None)

    @property
    def secret_variables(self) -> tuple[str, ...]:
        """The names and aliases of the variables that hold a secret."""
        held = (rule for rule in self.secrets if rule.kind == "secret")
        return tuple(name for rule in held for name in (rule.name, *rule.aliases))


@dataclass(frozen=True)
class Project:
    """Where one application's evidence is.

    Paths are relative to `root` and never lead out of it, but for logs in a folder of `log_folders`.
    """

    name: f.Name
    root: Annotated[Path, f.Computed] = Path()
    extends: StrictStr = ""  # the bundled policy that its audit.toml names; "" where none was named
    guide: f.InProject = "docs/SECRETS.md"
    environments: f.Environments = f.ENVIRONMENTS
    env_sources: Annotated[tuple[WholeEnv, ...], f.no_two("path")] = ()
    log_sources: Annotated[tuple[WholeLog, ...], f.no_two("pattern")] = ()
    log_folders: Annotated[tuple[str, ...], f.Computed] = ()  # outside, whose logs the owner allows to read
    formats: f.InProject = ""  # a file of log formats to read by, in place of the bundled ones
    deploy_sources: Annotated[tuple[DeploySource, ...], f.no_two("pattern")] = ()
    evidence_sources: tuple[EvidenceSource, ...] = ()
    exports: tuple[f.InProjectGiven, ...] = ()
    leavers: f.InProject = ""  # a list of who left, and when
    breaches: f.InProject = ""  # a list of providers that reported a breach, and when
    access_log: f.InProject = ""  # the platform's own log of who looked at values
    may_look: f.Texts = ()  # who may look at values there
    logins: Logins = ()
    time_zone: f.Zone = "UTC"  # of the times that people and logs write without one
    zone_declared: Annotated[bool, f.Computed] = False  # by audit.toml
    ledger: Annotated[Path | None, f.Computed] = None  # default root/.audit/ledger
    configured: Annotated[bool, f.Computed] = False  # an audit.toml was read
    layout: Annotated[Path | None, f.Computed] = None  # the audit.toml that was read
    layout_sha256: Annotated[str, f.Computed] = ""
    pinned_as_of: f.Instant = ""  # the sample's own date
    key: Annotated[StrictStr, f.among("demo")] = ""  # the sample's public key; "" for the auditor's own
    not_searched: Annotated[tuple[Fault, ...], f.Computed] = ()  # what discovery left out, and why
    demands: Annotated[Mapping[str, Any], f.Computed] = field(default_factory=dict, repr=False, compare=False)
    __pydantic_config__ = f.CONFIG

    @property
    def ledger_dir(self) -> Path:
        """The folder of the ledger's chains, one file a writer."""
        return self.ledger or self.root / ".audit" / "ledger"


BLOCKS: Mapping[str, type] = {
    "secret": SecretRule,
    "alerts": AlertRule,
    "logins": Login,
    "env": EnvSource,
    "log": LogSource,
    "deploys": DeploySource,
    "evidence": EvidenceSource,
    "startup": StartUpSettings,
}

"""The settings of one application: what audit.toml, policies and rules may say, as the audit uses it."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StrictBool, StrictStr, TypeAdapter

from audit_lib.base.errors import Fault
from audit_lib.base.in_words import DECLARED, MESSAGE_KINDS, MOST_LOGINS, REQUEST_KINDS
from audit_lib.settings import keys

POLICIES = Path(__file__).with_name("policies")
BUNDLED = tuple(sorted(path.stem for path in POLICIES.glob("*.toml")))  # names of policies
Bundled = Annotated[keys.Some, keys.among(*BUNDLED)]
ENVIRONMENTS: tuple[str, ...] = tuple(keys.TEXTS["words"]["environment"])
REQUESTS = (*REQUEST_KINDS.values(), DECLARED)


def environment_name(text: str) -> str:
    """The environment that a name or an alias (dev, prod) stands for; "" for any other text."""
    names = {"dev": "development", "prod": "production"} | {name: name for name in ENVIRONMENTS}
    return names.get(text.strip().lower(), "")


_KNOWN = keys.check("environment", lambda text: not text or environment_name(text))
Environment = Annotated[StrictStr, _KNOWN, AfterValidator(environment_name)]
Environments = Annotated[
    tuple[Environment, ...],
    keys.check("environments", lambda names: 0 < len(names) == len({*names} - {""})),
    AfterValidator(lambda names: tuple(name for name in ENVIRONMENTS if name in names)),
]


@dataclass(frozen=True)
class EnvSource(keys.Block):
    """An env file of one service in one environment. `example` files are templates, not environments."""

    environment: Annotated[Environment, Field(default="")]  # in a file; in code it is always stated
    service: keys.NameGiven
    path: keys.InProjectGiven  # relative to the project
    example: StrictBool = False
    export: StrictBool = False  # the platform's values, left in a file: in force, and a finding by itself
    backup: StrictBool = False  # a copy beside the source: a witness (E4), never what is in force
    loader: Annotated[StrictStr, keys.text("loader")] = ""  # "" if the file and its neighbours have to say


WholeEnv = Annotated[
    EnvSource,
    keys.check("one_sort", lambda it: it.example + it.backup + it.export <= 1),
    keys.check("example_of_none", lambda it: not (it.example and it.environment)),
    keys.check("of_environment", lambda it: it.example or it.environment),
]


@dataclass(frozen=True)
class DeploySource(keys.Block):
    """Deploy lists of the platform by pattern, relative to the project, and what they are of."""

    pattern: keys.InProjectGiven
    service: keys.Name = ""
    environment: Environment = ""


@dataclass(frozen=True)
class LogSource(keys.Block):
    """Log files of the project by pattern; of one that `--log` gives, `pattern` is what it is called."""

    pattern: Annotated[StrictStr, keys.text("relative"), AfterValidator(keys.path_in_project), keys.Needed]
    service: keys.Name = ""
    environment: Environment = ""
    time_zone: keys.Zone = "UTC"  # of times that have none of their own
    instances: keys.Days = 0  # so many write logs there; 0: nobody says
    zone_declared: Annotated[bool, keys.Computed] = False  # by audit.toml, for the log or for the project
    file: Annotated[Path | None, keys.Computed] = field(default=None, repr=False)  # that `--log` gives
    dated: Annotated[bool, keys.Computed] = True  # whether the file's own date says when it was written


@dataclass(frozen=True)
class EvidenceSource(keys.Block):
    """Exports of a secret store by pattern, relative to the project: since when its values are there."""

    pattern: keys.InProjectGiven
    service: keys.NameGiven
    environment: Annotated[Environment, keys.Needed]
    secret: keys.AnyVariable = ""


@dataclass(frozen=True)
class StoreDate:
    """What a store says of one secret: its value came in by `hi_at`."""

    secret: str
    kind: str  # E13 | E14
    hi_at: datetime
    text: str


@dataclass(frozen=True)
class GivenValues:
    """Values given with `--env ENVIRONMENT/SERVICE=FILE|-|environ`: read once, never stored."""

    __pydantic_config__ = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
    environment: str
    service: str
    origin: str
    content: bytes = field(repr=False)  # of an export of dates alone there is none
    dates: tuple[StoreDate, ...] = ()


AS_JSON = TypeAdapter(tuple[GivenValues, ...])  # for the kernel: a pipe gives its values only once


@dataclass(frozen=True)
class Login(keys.Block):
    """One way in: an answer with a failed status on its route is a failed login, and so is its message."""

    name: Annotated[keys.Some, keys.text("login")]
    method: Annotated[StrictStr, keys.text("method")]
    route: Annotated[keys.Some, keys.text("route")]
    failed_statuses: keys.Statuses = ()
    failed_redirect: keys.Redirect = ""  # where who failed is sent: a path, perhaps with ?parameter
    failed_message: Annotated[StrictStr, keys.text("message")] = ""  # within what the application writes then
    succeeded_statuses: keys.Statuses = ()
    succeeded_redirect: keys.Redirect = ""  # where who got in is sent
    succeeded_message: Annotated[StrictStr, keys.text("message")] = ""  # within what is written of who got in
    added: Annotated[bool, keys.Computed] = False  # by audit.toml, to the policy's


WholeLogin = Annotated[
    Login,
    BeforeValidator(lambda block: {"method": "POST", **block} if isinstance(block, dict) else block),
    keys.check("failure", lambda it: it.failed_statuses or it.failed_redirect or it.failed_message),
    keys.check("redirects", lambda it: it.failed_redirect or not it.succeeded_redirect),
    keys.check("statuses", lambda it: not {*it.failed_statuses} & {*it.succeeded_statuses}),
]
Logins = Annotated[tuple[WholeLogin, ...], keys.no_two("name", MOST_LOGINS)]


@dataclass(frozen=True)
class AlertRule(keys.Block):
    """One alert: so many events of these kinds within so many minutes, or so many records of the ledger."""

    name: keys.Some
    severity: keys.Severity = "medium"
    kinds: tuple[Annotated[keys.Some, keys.among(*REQUESTS, *MESSAGE_KINDS)], ...] = ()
    records: tuple[Annotated[keys.Some, keys.text("record")], ...] = ()
    at_least: keys.Days = 1
    minutes: keys.Days = 60


def _one_cause(alert: AlertRule) -> AlertRule:
    if bool(alert.kinds) == bool(alert.records):
        raise keys.fault("must name either kinds of the log or records of the ledger")
    # Another status that the policy declares is a refusal like these two.
    declared = {"unauthorized", "forbidden"} & {*alert.kinds} and DECLARED not in alert.kinds
    return replace(alert, kinds=(*alert.kinds, DECLARED)) if declared else alert


@dataclass(frozen=True)
class SecretRule(keys.Block):
    """What a policy says of one variable; the owner's fields are those of OWASP's cheat sheet, 2.11."""

    name: Annotated[keys.AnyVariable, keys.Needed]
    service: keys.NameGiven
    kind: Annotated[StrictStr, keys.text("kind")]  # only a secret is fingerprinted and aged
    required: Annotated[StrictStr, keys.text("required")] = "always"
    title: StrictStr = ""
    purpose: StrictStr = ""
    owner: StrictStr = ""
    reach: StrictStr = ""  # what it can do
    reviewed: keys.Instant = ""  # the date of the owner's last review
    reason: StrictStr = ""  # of its period
    aliases: keys.Names = ()
    required_in: tuple[keys.InFull, ...] = ()  # where `required` holds; empty: in all
    missing_severity: keys.Severity = "high"  # if it is missing; "" for a setting: only listed
    fallback: StrictStr = ""  # what the application does without it
    format: StrictStr = ""  # a name in Policy.formats; "" where the guide states none
    usual_format: StrictStr = ""  # what the provider is known to issue: another form is a warning, no fault
    forbidden_formats: keys.Texts = ()  # a live key where paper is demanded, an admin key
    component: Annotated[StrictStr, keys.text("component")] = "whole"  # of a URL the part that is secret
    min_length: keys.Count = 0
    good_length: keys.Count = 0  # what the guide's own generator gives; between the two is a warning
    classes: tuple[Annotated[keys.Some, keys.text("class")], ...] = ()  # those the component must hold …
    enough_bits: keys.Count = 0  # … unless it is at least so strong without them; 0: no such way out
    placeholders: keys.Texts = ()  # beside Policy.placeholders, and written like them
    defaults: keys.Texts = ()  # globs of values that work and that everyone knows
    equals: keys.Names = ()  # variables that must hold the same value in the same environment
    differs: keys.Names = ()  # variables that must not
    rotates_with: keys.Names = ()
    shared: StrictBool = False  # one value may serve all environments
    expected: Mapping[keys.InFull, keys.Some] = field(default_factory=dict)  # a setting's exact value
    environment_formats: Mapping[keys.InFull, keys.Some] = field(default_factory=dict)
    public: StrictBool = False  # the guide itself puts it into the browser
    exposure_severity: keys.Severity = ""  # of a secret that is public; "" leaves it to the check
    max_age_days: keys.Days | None = None  # None: exempt
    exempt: StrictBool = False
    consumers: keys.Texts = ()
    restart: Annotated[StrictStr, keys.text("restart")] = ""  # of the consumers, for a new value
    generate: StrictStr = ""  # the command that makes a new value
    obtain: StrictStr = ""  # where a new value is got, if it is not made
    revoke: StrictStr = ""  # how the old value is revoked at its provider
    overlap: Annotated[StrictStr, keys.text("overlap")] = "unknown"  # old and new both valid a while
    counterpart: StrictStr = ""  # the other end that must get the new value, such as a database's role
    sessions_lost: StrictStr = ""  # whose sessions end with the old value
    lines: Mapping[keys.Fact, tuple[keys.Days, ...]] = field(default_factory=dict)  # of the guide
    period_stated: Annotated[bool, keys.Computed] = False  # by the policy; else the period is a default
    strict_max_age_days: Annotated[int | None, keys.Computed] = None  # the guide's "at minimum" for all

    def cited(self, *facts: str) -> tuple[int, ...]:
        """The lines of the guide that state these facts: period, pairing, length, …"""
        return tuple(sorted({line for fact in facts for line in self.lines.get(fact, ())}))


def _of_kind(block: Any) -> Any:
    """A block with its kind. Of what is no secret a missing one is only listed."""
    if not isinstance(block, dict):
        return block
    is_secret = block.get("kind", "secret") == "secret"
    return {"kind": "secret", **({} if is_secret else {"missing_severity": ""}), **block}


WholeSecret = Annotated[
    SecretRule,
    BeforeValidator(_of_kind),
    keys.check("dated", lambda it: it.max_age_days is None or not (it.exempt or it.kind != "secret")),
    keys.check("lengths", lambda it: not 0 < it.good_length < it.min_length),
    keys.check("shown", lambda it: not it.expected or it.kind != "secret"),
]


if TYPE_CHECKING:
    Detections = Mapping[str, Any]
else:  # what the generic policy has, and what it leaves to the owner
    Detections = keys.type_like(
        tomllib.loads((POLICIES / "generic.toml").read_text("utf-8"))["detections"]
        | keys.TEXTS["detections"]
        | {"grace_hours": Mapping[str, keys.Number]}
    )


@dataclass(frozen=True)
class StartUpSettings(keys.Block):
    """Which start of the application is strict, and by which variables production is known."""

    strict_variable: StrictStr = ""
    production_signs: Mapping[str, StrictStr] = field(default_factory=dict)  # variable: pattern of its value


@dataclass(frozen=True)
class Policy(keys.Block):
    """What is demanded of one application: of each variable, of its logins, and what must be reported.

    Placeholders, defaults and name patterns are globs over the whole text with `*` alone, letter case aside.
    """

    name: keys.Name
    path: Annotated[Path, keys.Computed] = Path()
    sha256: Annotated[str, keys.Computed] = ""
    secrets: Annotated[tuple[WholeSecret, ...], keys.no_two("name"), Field(alias="secret")] = ()
    extends: Bundled = ""
    formats: Mapping[str, keys.Expression] = field(default_factory=dict)  # name: expression of the whole
    placeholders: keys.Texts = ()
    public_prefixes: keys.Texts = ()
    public_names: keys.Texts = ()  # patterns of names whose values their provider publishes
    secret_names: keys.Texts = ()  # patterns of names that look like a secret's
    secret_url_names: keys.Texts = ()  # … if the value is a URL with a password
    compromised: Annotated[tuple[keys.Digest, ...], keys.Distinct] = ()  # SHA-256 of public values
    warn_days: keys.Count = 14
    default_max_age_days: keys.Days = 90  # for a secret whose period nobody states
    strict_max_age_days: keys.Days | None = None  # the guide's "at minimum", for all
    guide_sha256: keys.Digest = ""  # of the guide's text that the line numbers refer to
    recognised_by: keys.Names = ()  # a project that has half of these variables is this application
    alerts: Annotated[tuple[Annotated[AlertRule, AfterValidator(_one_cause)], ...], keys.no_two("name")] = ()
    logins: Logins = ()  # its own, then those that audit.toml adds
    no_logins: tuple[Annotated[keys.Some, keys.text("no_login")], ...] = ()  # that look like one
    rules: StrictStr = ""  # the guide's numbered rules: a bundled name, or a file beside the policy
    access: Mapping[Annotated[StrictStr, keys.text("access")], keys.Texts] = field(default_factory=dict)
    attestations: Mapping[str, keys.Some] = field(default_factory=dict)  # rule: the question
    detections: Detections = field(default_factory=dict)
    due_days: Mapping[keys.Severity, Annotated[keys.Days, Field(le=3650)]] = field(default_factory=dict)
    emergency: Mapping[str, keys.Some] = field(default_factory=dict)  # diagnosis: lines of the guide
    startup: StartUpSettings = field(default_factory=StartUpSettings)

    def rule(self, name: str) -> SecretRule | None:
        """The rule for a variable, by its name or an alias."""
        return next((rule for rule in self.secrets if name == rule.name or name in rule.aliases), None)


@dataclass(frozen=True)
class GuideRule(keys.Block):
    """One numbered rule of a guide, with what decides it."""

    number: keys.Some
    says: keys.Some  # the rule in one or two sentences
    lines: StrictStr = ""  # of the guide, such as "47-55, 318"; "" if the guide does not state it
    checks: keys.Texts = ()
    secrets: keys.Names = ()  # the policy's names of what the checks are asked about; () for all
    leaks_in: keys.Texts = ()  # kinds of places in which no value may be
    paths: keys.Texts = ()  # globs of the paths there; () for all
    question: StrictStr = ""  # the attestation that answers it
    held_by: StrictStr = ""  # what of the program itself holds it
    not_decidable: StrictStr = ""  # why nothing that can be read decides it
    beyond: StrictStr = ""  # what of the rule the checks do not reach: with it, it never passes


WholeRule = Annotated[
    GuideRule,
    keys.check(
        "decided",
        lambda it: [it.checks + it.leaks_in or "", it.question, it.held_by, it.not_decidable].count("") == 3,
    ),
]


@dataclass(frozen=True)
class GuideRules(keys.Block):
    """The numbered rules of a guide, in their order."""

    rule: Annotated[tuple[WholeRule, ...], keys.no_two("number")] = ()


@dataclass(frozen=True)
class Project(keys.Block):
    """Where one application's evidence is, by paths within `root`."""

    name: keys.Name
    root: Annotated[Path, keys.Computed] = Path()
    extends: Bundled = ""  # the bundled policy that its audit.toml names; "" where none was named
    guide: keys.InProject = "docs/SECRETS.md"
    environments: Environments = ENVIRONMENTS
    env_sources: Annotated[tuple[WholeEnv, ...], keys.no_two("path"), Field(alias="env")] = ()
    log_sources: Annotated[tuple[LogSource, ...], keys.no_two("pattern"), Field(alias="log")] = ()
    formats: Annotated[keys.InProject, Field(alias="log_formats")] = ""  # read in place of the bundled ones
    deploy_sources: Annotated[tuple[DeploySource, ...], keys.no_two("pattern"), Field(alias="deploys")] = ()
    evidence_sources: Annotated[tuple[EvidenceSource, ...], Field(alias="evidence")] = ()
    exports: tuple[keys.InProjectGiven, ...] = ()
    leavers: keys.InProject = ""  # a list of who left, and when
    breaches: keys.InProject = ""  # a list of providers that reported a breach, and when
    access_log: keys.InProject = ""  # the platform's own log of who looked at values
    may_look: keys.Texts = ()  # who may look at values there
    logins: Logins = ()
    time_zone: keys.Zone = "UTC"  # of the times that people and logs write without one
    zone_declared: Annotated[bool, keys.Computed] = False  # by audit.toml
    ledger: Annotated[Path | None, keys.Computed] = None  # default root/.audit/ledger
    configured: Annotated[bool, keys.Computed] = False  # an audit.toml was read
    layout_sha256: Annotated[str, keys.Computed] = ""  # of the audit.toml that was read
    pinned_as_of: keys.Instant = ""  # the sample's own date
    key: Annotated[StrictStr, keys.among("demo")] = ""  # the sample's public key; "" for the auditor's own
    not_searched: Annotated[tuple[Fault, ...], keys.Computed] = ()  # what discovery left out, and why
    policy: Annotated[Policy | None, keys.Computed] = field(default=None, repr=False)  # of audit.toml

    @property
    def ledger_dir(self) -> Path:
        """The folder of the ledger's chains, one file a writer."""
        return self.ledger or self.root / ".audit" / "ledger"

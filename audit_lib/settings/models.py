"""The settings of one application: what audit.toml, policies and rules may say, as the audit uses it.

Each key is a field with its type and its check, whose message never repeats what was written.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import takewhile
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Annotated, Any, NotRequired
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationInfo,
    with_config,
)
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from audit_lib.base.bounded import is_expression
from audit_lib.base.clock import parse_instant
from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.in_words import DECLARED, MESSAGE_KINDS, MOST_LOGINS, REQUEST_KINDS, SEVERITIES

POLICIES = Path(__file__).with_name("policies")
TEXTS = tomllib.loads(Path(__file__).with_name("texts.toml").read_text("utf-8"))
ENVIRONMENTS = tuple(TEXTS["words"]["environment"])
METHODS = tuple(TEXTS["words"]["method"])
ROUTE = re.compile(TEXTS["patterns"]["route"][0])
REQUESTS = (*REQUEST_KINDS.values(), DECLARED)
# A failed login as logs show it: only where the application's policy declares one is its absence quiet.
LOGIN_KINDS = ("unauthorized", "forbidden", DECLARED, "login_failed", "jwt_invalid")
MOST_BLOCKS = 2_000  # of one list
LARGEST = 100_000  # of numbers: of days nearly three centuries


# ---- The types of keys ----


def fault(text: str, kind: str = "settings") -> PydanticCustomError:
    """An error of a check, in words of our own."""
    return PydanticCustomError(kind, text)  # type: ignore[arg-type,unused-ignore]


def check(holds: Callable[[Any], object], text: str) -> AfterValidator:
    """A check of a value that was read; `text` is the fault where it does not hold, or cannot be judged."""

    def judge(value: Any) -> Any:
        try:
            if holds(value):
                return value
        except (BadInput, OSError, ValueError, KeyError):
            pass
        raise fault(text)

    return AfterValidator(judge)


def among(*words: str) -> AfterValidator:
    """A check that a text is one of these words, or nothing."""
    return check(lambda text: text in ("", *words), f"must be one of {', '.join(words)}")


def text(kind: str) -> AfterValidator:
    """A check that a text is of a kind of texts.toml, or nothing."""
    if kind in TEXTS["words"]:
        return among(*TEXTS["words"][kind])
    pattern, what = TEXTS["patterns"][kind]
    return check(lambda value: not value or re.fullmatch(pattern, value), what)


def no_two(key: str) -> AfterValidator:
    """A check that no two blocks of a list have the same text under a key."""

    def judge(blocks: tuple[Any, ...]) -> tuple[Any, ...]:
        if len(blocks) > MOST_BLOCKS:
            raise fault(f"has more than {MOST_BLOCKS:,} tables")
        names = [getattr(block, key) for block in blocks]
        for number, name in enumerate(names, 1):
            if (first := names.index(name) + 1) != number:
                raise fault(f"#{first} and #{number} have the same {key}")
        return blocks

    return AfterValidator(judge)


def written(**defaults: str) -> BeforeValidator:
    """What a block of a file may leave out although the code always states it."""
    return BeforeValidator(lambda block: {**defaults, **block} if isinstance(block, dict) else block)


def environment_name(text: str) -> str:
    """The environment that a name or an alias (dev, prod) stands for; "" for any other text."""
    name = text.strip().lower()
    name = {"dev": "development", "prod": "production"}.get(name, name)
    return name if name in ENVIRONMENTS else ""


def path_fault(text: str) -> str:
    """What is wrong with a path or pattern, which must stay within the project; "" if nothing is."""
    if not text.strip() or any(ord(char) < 32 or ord(char) == 127 for char in text):
        return "is empty or has a control character"
    if text.startswith(("/", "~")) or PureWindowsPath(text).drive or "\\" in text:
        return "must be relative to the project, with / between its parts"
    return "leads out of the project with .." if ".." in PurePosixPath(text).parts else ""


def leads_out(text: str, root: Path) -> bool:
    """Whether a link leads a path, up to its wildcard, out of the project, or cannot be followed."""
    fixed = takewhile(lambda part: not re.search(r"[*?\[]", part), PurePosixPath(text).parts)
    try:
        end = root.joinpath(*fixed).resolve()
        # From Python 3.13 on a circle of links is no error: it is left in the path.
        return not end.is_relative_to(root) or any(part.is_symlink() for part in (end, *end.parents))
    except (OSError, ValueError, RuntimeError):
        return True


def _path(text: str, info: ValidationInfo) -> str:
    """A path in its plain form. The context of the check is the project's folder, or None."""
    wrong = path_fault(text) if text else ""
    if text and not wrong and info.context and leads_out(text, info.context):
        wrong = "leads out of the project through a symbolic link"
    if wrong:
        raise fault(wrong)
    return PurePosixPath(text).as_posix() if text else ""


def _refuse(_: object) -> object:
    raise fault("", "extra_forbidden")


_NAMED = f"{', '.join(ENVIRONMENTS)} (or dev, prod)"
_TIME = "must be a date or time such as 2026-09-30 or 2026-09-30T12:00:00Z"

Computed = BeforeValidator(_refuse)  # what the audit finds out itself: no file may state it
Needed = check(bool, "is empty")
Distinct = check(lambda values: len(set(values)) == len(values), "contains something twice")
Some = Annotated[StrictStr, Needed]
Texts = Annotated[tuple[Some, ...], Distinct]
Count = Annotated[StrictInt, Field(ge=0, le=LARGEST)]
Days = Annotated[StrictInt, Field(ge=1, le=LARGEST)]
_NUMBER = f"must be a number from 0 to {LARGEST:,}"
Number = Annotated[Any, check(lambda it: type(it) in (int, float) and 0 <= it <= LARGEST, _NUMBER)]
Statuses = Annotated[tuple[Annotated[StrictInt, Field(ge=100, le=599)], ...], Distinct]
Severity = Annotated[StrictStr, among(*SEVERITIES)]
AnyVariable = Annotated[StrictStr, text("variable")]
Names = Annotated[tuple[Annotated[AnyVariable, Needed], ...], Distinct]
Digest = Annotated[StrictStr, text("digest")]
Expression = Annotated[Some, check(lambda it: is_expression(rf"\A(?:{it})\Z"), "is not a regular expression")]
Instant = Annotated[StrictStr, check(lambda text: not text or parse_instant(text, ""), _TIME)]
Zone = Annotated[StrictStr, check(lambda text: ZoneInfo(text or "UTC"), "must be a zone, as Europe/Berlin")]
Name = Annotated[StrictStr, text("name")]
NameGiven = Annotated[Name, Needed]
InProject = Annotated[StrictStr, AfterValidator(_path)]
InProjectGiven = Annotated[InProject, Needed]
Environment = Annotated[
    StrictStr,
    check(lambda text: not text or environment_name(text), f"must be one of {_NAMED}"),
    AfterValidator(environment_name),
]
Environments = Annotated[
    tuple[Environment, ...],
    check(lambda names: 0 < len(names) == len({*names} - {""}), f"must be some of {_NAMED}, each once"),
    AfterValidator(lambda names: tuple(name for name in ENVIRONMENTS if name in names)),
]
InFull = Annotated[StrictStr, text("environment")]
Redirect = Annotated[StrictStr, text("redirect")]


class Block:
    """What a file writes as a table: it has the keys that are its fields, and no other."""

    __pydantic_config__ = ConfigDict(extra="forbid", hide_input_in_errors=True)


# ---- Where the evidence is ----


@dataclass(frozen=True)
class EnvSource(Block):
    """An env file of one service in one environment. `example` files are templates, not environments."""

    environment: Environment
    service: NameGiven
    path: InProjectGiven  # relative to the project
    example: StrictBool = False
    export: StrictBool = False  # the platform's values, left in a file: in force, and a finding by itself
    backup: StrictBool = False  # a copy beside the source: a witness (E4), never what is in force
    loader: Annotated[StrictStr, text("loader")] = ""  # "" if the file and its neighbours have to say


WholeEnv = Annotated[
    EnvSource,
    written(environment=""),
    check(
        lambda it: it.example + it.backup + it.export <= 1, "must be only one of example, backup and export"
    ),
    check(
        lambda it: not (it.example and it.environment), "is an example, so it must not have an environment"
    ),
    check(lambda it: it.example or it.environment, "has no environment"),
]


# Who may commit to the project could name any file of the reviewer's machine.
_NOT_OUTSIDE = check(lambda text: not text.startswith("/"), "is absolute: give a log outside with --log")


@dataclass(frozen=True)
class LogSource(Block):
    """Log files of the project by pattern, and the zone of their zone-less times.

    Of a log that `--log` gives, `file` is where it is and `pattern` what it is called.
    """

    pattern: Annotated[StrictStr, _NOT_OUTSIDE, AfterValidator(_path), Needed]
    service: Name = ""
    environment: Environment = ""
    time_zone: Zone = "UTC"
    instances: Days = 0  # so many write logs there; 0: nobody says
    zone_declared: Annotated[bool, Computed] = False  # by audit.toml, for the log or for the project
    file: Annotated[Path | None, Computed] = field(default=None, repr=False)
    dated: Annotated[bool, Computed] = True  # whether the file's own date says when it was written


@dataclass(frozen=True)
class DeploySource(Block):
    """Deploy lists of the platform by pattern, relative to the project, and what they are of."""

    pattern: InProjectGiven
    service: Name = ""
    environment: Environment = ""


@dataclass(frozen=True)
class EvidenceSource(Block):
    """Exports of a secret store by pattern, relative to the project: since when its values are there."""

    pattern: InProjectGiven
    service: NameGiven
    environment: Annotated[Environment, Needed]
    secret: AnyVariable = ""


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

    environment: str
    service: str
    origin: str
    content: bytes = field(repr=False)  # of an export of dates alone there is none
    dates: tuple[StoreDate, ...] = ()


# ---- What is demanded ----


@dataclass(frozen=True)
class Login(Block):
    """One way in: an answer with a failed status on its route is a failed login, and so is its message."""

    name: Annotated[Some, text("login")]
    method: Annotated[StrictStr, text("method")]
    route: Annotated[Some, text("route")]
    failed_statuses: Statuses = ()
    failed_redirect: Redirect = ""  # where who failed is sent: a path, perhaps with ?parameter
    failed_message: Annotated[StrictStr, text("message")] = (
        ""  # a text within what the application writes then
    )
    succeeded_statuses: Statuses = ()
    succeeded_redirect: Redirect = ""  # where who got in is sent
    added: Annotated[bool, Computed] = False  # by audit.toml, to the policy's


_STATUSES = "has more than 10 statuses, or one as a failure and as a success"
_NO_FAILURE = "declares no failure: failed_statuses, failed_redirect or failed_message"
_NO_REDIRECT = "has a succeeded_redirect, but no failed_redirect"
WholeLogin = Annotated[
    Login,
    written(method="POST"),
    check(lambda it: it.failed_statuses or it.failed_redirect or it.failed_message, _NO_FAILURE),
    check(lambda it: it.failed_redirect or not it.succeeded_redirect, _NO_REDIRECT),
    check(lambda it: not {*it.failed_statuses} & {*it.succeeded_statuses}, _STATUSES),
    check(lambda it: max(len(it.failed_statuses), len(it.succeeded_statuses)) <= 10, _STATUSES),
]
_TOO_MANY = check(lambda logins: len(logins) <= MOST_LOGINS, f"has more than {MOST_LOGINS} [[logins]]")
Logins = Annotated[tuple[WholeLogin, ...], _TOO_MANY, no_two("name")]


@dataclass(frozen=True)
class AlertRule(Block):
    """One alert: so many events of these kinds within so many minutes, or so many records of the ledger."""

    name: Some
    severity: Severity = "medium"
    kinds: tuple[Annotated[Some, among(*REQUESTS, *MESSAGE_KINDS)], ...] = ()
    records: tuple[Annotated[Some, text("record")], ...] = ()
    at_least: Days = 1
    minutes: Days = 60
    guide_line: Days = 0


def _one_cause(alert: AlertRule) -> AlertRule:
    if bool(alert.kinds) == bool(alert.records):
        raise fault("must name either kinds of the log or records of the ledger")
    # Another status that the policy declares is a refusal like these two.
    declared = {"unauthorized", "forbidden"} & {*alert.kinds} and DECLARED not in alert.kinds
    return replace(alert, kinds=(*alert.kinds, DECLARED)) if declared else alert


def _milder(block: Any) -> Any:
    """A block of a secret as it is; of a setting, which is only listed if it is missing."""
    is_secret = not isinstance(block, dict) or block.get("kind", "secret") == "secret"
    return block if is_secret else {"missing_severity": "", **block}


@dataclass(frozen=True)
class SecretRule(Block):
    """What a policy says of one variable. `lines` are those of the guide, by what they state.

    Source of the owner's fields: the OWASP Secrets Management Cheat Sheet, 2.11.
    """

    name: Annotated[AnyVariable, Needed]
    service: NameGiven
    kind: Annotated[StrictStr, text("kind")]  # only a secret is fingerprinted in reports, sealed and aged
    required: Annotated[StrictStr, text("required")] = "always"
    title: StrictStr = ""
    purpose: StrictStr = ""
    owner: StrictStr = ""
    reach: StrictStr = ""  # what it can do
    reviewed: Instant = ""  # the date of the owner's last review
    reason: StrictStr = ""  # of its period
    aliases: Names = ()
    required_in: tuple[InFull, ...] = ()  # where `required` holds; empty: in all
    missing_severity: Severity = "high"  # if a required one is missing; "" for a setting: it is only listed
    fallback: StrictStr = ""  # what the application does without it
    format: StrictStr = ""  # a name in Policy.formats; "" where the guide states none
    usual_format: StrictStr = ""  # what the provider is known to issue: another form is a warning, no fault
    forbidden_formats: Texts = ()  # a live key where paper is demanded, an admin key
    component: Annotated[StrictStr, text("component")] = "whole"  # of a URL the part that is secret
    min_length: Count = 0
    good_length: Count = 0  # what the guide's own generator gives; between the two is a warning
    classes: tuple[Annotated[Some, text("class")], ...] = ()  # those the component must hold …
    enough_bits: Count = 0  # … unless it is at least so strong without them; 0: no such way out
    placeholders: Texts = ()  # beside Policy.placeholders, and written like them
    defaults: Texts = ()  # globs of values that work and that everyone knows
    equals: Names = ()  # variables that must hold the same value in the same environment
    differs: Names = ()  # variables that must not
    rotates_with: Names = ()
    shared: StrictBool = False  # one value may serve all environments
    expected: Mapping[InFull, Some] = field(default_factory=dict)  # a setting's exact value
    environment_formats: Mapping[InFull, Some] = field(default_factory=dict)
    public: StrictBool = False  # the guide itself puts it into the browser
    exposure_severity: Severity = ""  # of a secret that is public; "" leaves it to the check
    max_age_days: Days | None = None  # None: exempt
    exempt: StrictBool = False
    consumers: Texts = ()
    restart: Annotated[StrictStr, text("restart")] = ""  # of the consumers, for a new value
    generate: StrictStr = ""  # the command that makes a new value
    obtain: StrictStr = ""  # where a new value is got, if it is not made
    revoke: StrictStr = ""  # how the old value is revoked at its provider
    overlap: Annotated[StrictStr, text("overlap")] = "unknown"  # old and new both valid a while
    counterpart: StrictStr = ""  # the other end that must get the new value, such as a database's role
    sessions_lost: StrictStr = ""  # whose sessions end with the old value
    lines: Mapping[Annotated[StrictStr, text("fact")], tuple[Days, ...]] = field(default_factory=dict)
    period_stated: Annotated[bool, Computed] = False  # the policy gives this period; else it is a default
    strict_max_age_days: Annotated[int | None, Computed] = None  # the guide's "at minimum" for all

    def cited(self, *facts: str) -> tuple[int, ...]:
        """The lines of the guide that state these facts: period, pairing, length, …"""
        return tuple(sorted({line for fact in facts for line in self.lines.get(fact, ())}))


_DATED = "has a max_age_days, but is exempt from rotation"
_SHOWN = "expected would contain a secret's value: only a setting or an identifier may have one"
WholeSecret = Annotated[
    SecretRule,
    written(kind="secret"),
    BeforeValidator(_milder),
    check(lambda it: it.max_age_days is None or not (it.exempt or it.kind != "secret"), _DATED),
    check(
        lambda it: it.good_length == 0 or it.good_length >= it.min_length,
        "good_length is less than min_length",
    ),
    check(lambda it: not it.expected or it.kind != "secret", _SHOWN),
]


def type_like(example: Any) -> Any:
    """The type of an example's value; of a table each key may be left out, and no other may be there."""
    if isinstance(example, dict):
        table = TypedDict("table", {key: NotRequired[type_like(example[key])] for key in example})  # type: ignore
        return with_config(Block.__pydantic_config__)(table)
    if isinstance(example, list):
        return list[type_like(example[0])] if example else list[StrictStr]  # type: ignore[misc]
    return {bool: StrictBool, str: StrictStr, int: Number, float: Number}.get(type(example), example)


if TYPE_CHECKING:
    Detections = Mapping[str, Any]
else:
    # What the generic policy has, what it leaves to the owner, and names of before 0.3.0, which are refused
    # where the new ones are known (logins/parameters.py).
    _own = {"failure": {"statuses": [401], "messages": [""], "ambiguous_routes": [""]}, "clients": "real"}
    _own |= {"limits_requests": False, "known_clients": [""], "grace_hours": Mapping[str, Number]}
    _own |= {f"A{number}": Any for number in range(1, 21)}
    _generic = tomllib.loads((POLICIES / "generic.toml").read_text("utf-8"))
    Detections = type_like(_generic["detections"] | _own)


@dataclass(frozen=True)
class StartUpSettings(Block):
    """Which start of the application is strict, and by which variables production is known."""

    strict_variable: StrictStr = ""
    production_signs: Mapping[str, StrictStr] = field(default_factory=dict)  # variable: pattern of its value


@dataclass(frozen=True)
class Policy(Block):
    """What is demanded of one application: of each variable, of its logins, and what must be reported.

    Placeholders, defaults and name patterns are globs over the whole text with `*` alone, letter case aside.
    """

    name: Name
    path: Annotated[Path, Computed] = Path()
    sha256: Annotated[str, Computed] = ""
    secrets: Annotated[tuple[WholeSecret, ...], no_two("name")] = ()
    title: StrictStr = ""
    extends: StrictStr = ""
    formats: Mapping[str, Expression] = field(default_factory=dict)  # name: regular expression of the whole
    placeholders: Texts = ()
    public_prefixes: Texts = ()
    public_names: Texts = ()  # patterns of names whose values their provider publishes
    secret_names: Texts = ()  # patterns of names that look like a secret's
    secret_url_names: Texts = ()  # … if the value is a URL with a password
    compromised: Annotated[tuple[Digest, ...], Distinct] = ()  # SHA-256 of public values
    warn_days: Count = 14
    default_max_age_days: Days = 90  # for a secret whose period nobody states
    strict_max_age_days: Days | None = None  # the guide's "at minimum", for all
    guide_sha256: Digest = ""  # of the guide's text that the line numbers refer to
    recognised_by: Names = ()  # variables by which a project is known to be this application
    recognised_at_least: Days = 1  # … and how many of them
    alerts: Annotated[tuple[Annotated[AlertRule, AfterValidator(_one_cause)], ...], no_two("name")] = ()
    logins: Logins = ()  # its own, then those that audit.toml adds
    rules: StrictStr = ""  # the guide's numbered rules: a bundled name, or a file beside the policy
    access: Mapping[Annotated[StrictStr, text("access")], Texts] = field(default_factory=dict)
    attestations: Mapping[str, Some] = field(default_factory=dict)  # rule: the question
    detections: Detections = field(default_factory=dict)
    due_days: Mapping[Severity, Annotated[Days, Field(le=3650)]] = field(default_factory=dict)
    emergency: Mapping[str, Some] = field(default_factory=dict)  # diagnosis: lines of the guide
    startup: StartUpSettings = field(default_factory=StartUpSettings)

    def rule(self, name: str) -> SecretRule | None:
        """The rule for a variable, by its name or an alias."""
        return next((rule for rule in self.secrets if name == rule.name or name in rule.aliases), None)

    @property
    def secret_variables(self) -> tuple[str, ...]:
        """The names and aliases of the variables that hold a secret."""
        held = (rule for rule in self.secrets if rule.kind == "secret")
        return tuple(name for rule in held for name in (rule.name, *rule.aliases))


@dataclass(frozen=True)
class GuideRule(Block):
    """One numbered rule of a guide, with what decides it."""

    number: Some
    says: Some  # the rule in one or two sentences
    lines: StrictStr = ""  # of the guide, such as "47-55, 318"; "" if the guide does not state it
    checks: Texts = ()
    secrets: Names = ()  # the policy's names of what the checks are asked about; () for all
    leaks_in: Texts = ()  # kinds of places in which no value may be
    paths: Texts = ()  # globs of the paths there; () for all
    question: StrictStr = ""  # the attestation that answers it
    held_by: StrictStr = ""  # what of the program itself holds it
    not_decidable: StrictStr = ""  # why nothing that can be read decides it
    beyond: StrictStr = ""  # what of the rule the checks do not reach: with it, it never passes


_ONE = "needs checks, leaks_in or both, or one of question, held_by, not_decidable"
_DECIDED = check(
    lambda it: [it.checks + it.leaks_in or "", it.question, it.held_by, it.not_decidable].count("") == 3, _ONE
)


@dataclass(frozen=True)
class GuideRules(Block):
    """The numbered rules of a guide, in their order."""

    rule: Annotated[tuple[Annotated[GuideRule, _DECIDED], ...], no_two("number")] = ()


@dataclass(frozen=True)
class Project(Block):
    """Where one application's evidence is, by paths within `root`."""

    name: Name
    root: Annotated[Path, Computed] = Path()
    extends: StrictStr = ""  # the bundled policy that its audit.toml names; "" where none was named
    guide: InProject = "docs/SECRETS.md"
    environments: Environments = ENVIRONMENTS
    env_sources: Annotated[tuple[WholeEnv, ...], no_two("path")] = ()
    log_sources: Annotated[tuple[Annotated[LogSource, written(time_zone="")], ...], no_two("pattern")] = ()
    formats: InProject = ""  # a file of log formats to read by, in place of the bundled ones
    deploy_sources: Annotated[tuple[DeploySource, ...], no_two("pattern")] = ()
    evidence_sources: tuple[EvidenceSource, ...] = ()
    exports: tuple[InProjectGiven, ...] = ()
    leavers: InProject = ""  # a list of who left, and when
    breaches: InProject = ""  # a list of providers that reported a breach, and when
    access_log: InProject = ""  # the platform's own log of who looked at values
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
    not_searched: Annotated[tuple[Fault, ...], Computed] = ()  # what discovery left out, and why
    demands: Annotated[Mapping[str, Any], Computed] = field(default_factory=dict, repr=False, compare=False)

    @property
    def ledger_dir(self) -> Path:
        """The folder of the ledger's chains, one file a writer."""
        return self.ledger or self.root / ".audit" / "ledger"

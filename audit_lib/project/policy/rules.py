"""What a policy holds: one rule a variable, named formats, searches, and what reads or owns a secret.

Source of a secret's metadata: the OWASP Secrets Management Cheat Sheet, 2.11.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from audit_lib.base.bounded_patterns import from_basic, is_expression
from audit_lib.base.clock import parse_instant
from audit_lib.base.errors import BadInput
from audit_lib.base.toml_table import TomlTable, shown_name
from audit_lib.project.logins import Login
from audit_lib.project.policy.alerts import AlertRule

RUNTIMES = ("process", "container", "serverless", "static build", "provider")
REFRESHES = ("restart", "rebuild", "reload", "never")
Requirement = str  # always | production | recommended | feature | optional
KINDS = ("secret", "identifier", "setting")
REQUIREMENTS = ("always", "production", "recommended", "feature", "optional")
COMPONENTS = ("whole", "password")
CLASSES = ("lower", "upper", "digit", "symbol")
OVERLAPS = ("yes", "no", "unknown")


@dataclass(frozen=True)
class DocumentedGrep:
    """A search that the guide tells people to run: what it would print is compared with what there is."""

    pattern: str  # as grep reads it: a basic regular expression
    path: str  # as the guide gives it, a glob relative to the project; "git log -p" for the history
    looks_for: str
    kinds: tuple[str, ...]  # the log kinds (docs/design.md#kinds-of-log-lines) that it is meant to show
    guide_line: int
    ignore_case: bool = False
    prints_values: bool = False  # it shows secrets on the terminal
    remedy: str = ""


def read_greps(table: TomlTable) -> tuple[DocumentedGrep, ...]:
    """The searches of a policy's table, in its order; each fault is noted there."""
    return tuple(_grep(inner) for inner in table.tables("grep", "pattern"))


def _grep(table: TomlTable) -> DocumentedGrep:
    grep = table.filled(DocumentedGrep, guide_line=table.number("guide_line", 0, 1))
    if not is_expression(from_basic(grep.pattern)):
        table.fault("pattern must be a basic regular expression, as grep reads them")
    if not table.has("guide_line"):
        table.fault("has no guide_line")
    table.close()
    return grep


@dataclass(frozen=True)
class SecretMetadata:
    """Each field is "" if the policy does not say."""

    purpose: str = ""
    owner: str = ""
    reach: str = ""  # what it can do
    reviewed: str = ""  # the date of the owner's last review
    reason: str = ""  # of its period


def read_metadata(table: TomlTable, under: SecretMetadata | None = None) -> SecretMetadata:
    """The fields that a table gives, over those below; each fault is noted there."""
    given = under or SecretMetadata()
    made = SecretMetadata(
        **{name: table.text(name, getattr(given, name)) for name in SecretMetadata.__dataclass_fields__}
    )
    if made.reviewed:
        try:
            parse_instant(made.reviewed, table.place)
        except BadInput as error:
            table.fault(f"reviewed {error.faults[0].text}")
            return replace(made, reviewed="")
    return made


def metadata_by_name(table: TomlTable, under: Mapping[str, SecretMetadata]) -> dict[str, SecretMetadata]:
    """Each variable's fields with what `[metadata.NAME]` adds to them: a policy so names the owners of
    secrets whose rules it takes over from another.
    """
    given = table.anything("metadata") if table.has("metadata") else {}
    if not isinstance(given, dict) or not all(isinstance(one, dict) for one in given.values()):
        table.fault("metadata must hold tables [metadata.NAME]")
        return dict(under)
    for name in sorted(given.keys() - under.keys()):
        table.fault(f"metadata.{shown_name(name)} must name a variable of the policy")
    found = dict(under)
    for name in sorted(given.keys() & under.keys()):
        own = TomlTable(given[name], f"{table.place}: metadata.{name}", table.faults)
        found[name] = read_metadata(own, under[name])
        own.close()
    return found


@dataclass(frozen=True)
class Consumer:
    """What reads a secret. Each field but the name is "" if the policy does not say."""

    name: str
    runtime: str = ""  # one of RUNTIMES
    refresh: str = ""  # one of REFRESHES; never: somebody enters the new value there by hand
    verify: str = ""  # how to see that it works with the new value
    owner: str = ""
    documentation: str = ""


def read_consumers(table: TomlTable) -> tuple[Consumer, ...]:
    """The consumers of a policy's table, in its order; each fault is noted there."""
    found = tuple(_consumer(inner) for inner in table.tables("consumer"))
    names = [one.name for one in found]
    for name in sorted({name for name in names if name and names.count(name) > 1}):
        table.fault(f"has consumer {shown_name(name)} twice")
    return found


def _consumer(table: TomlTable) -> Consumer:
    consumer = table.filled(Consumer, {"runtime": RUNTIMES, "refresh": REFRESHES})
    table.close()
    return consumer


@dataclass(frozen=True)
class SecretRule:
    """What the guide says of one variable. `guide_lines` are the guide's own line numbers."""

    name: str
    service: str
    kind: str  # secret | identifier | setting; only a secret is fingerprinted in reports, sealed and aged
    required: Requirement = "always"
    title: str = ""
    metadata: SecretMetadata = field(default_factory=SecretMetadata)
    aliases: tuple[str, ...] = ()
    required_in: tuple[str, ...] = ()  # the environments where `required` holds; empty: in all
    missing_severity: str = "high"  # if a required one is missing; "" for a setting: it is only listed
    fallback: str = ""  # what the application does without it
    format: str = ""  # a name in Policy.formats; "" where the guide states none
    usual_format: str = ""  # what the provider is known to issue: another shape is a warning, no fault
    forbidden_formats: tuple[str, ...] = ()  # a live key where paper is demanded, an admin key
    component: str = "whole"  # of a URL the part that is the secret: password
    min_length: int = 0
    good_length: int = 0  # what the guide's own generator gives; between the two is a warning
    classes: tuple[str, ...] = ()  # lower, upper, digit, symbol: those the component must hold …
    enough_bits: int = 0  # … unless it is at least so strong without them; 0: no such way out
    placeholders: tuple[str, ...] = ()  # beside Policy.placeholders, and written like them
    defaults: tuple[str, ...] = ()  # globs of values that work and that everyone knows
    equals: tuple[str, ...] = ()  # variables that must hold the same value in the same environment
    differs: tuple[str, ...] = ()  # variables that must not
    rotates_with: tuple[str, ...] = ()
    shared: bool = False  # one value may serve all environments
    expected: Mapping[str, str] = field(default_factory=dict)  # environment: a setting's exact value
    environment_formats: Mapping[str, str] = field(default_factory=dict)  # environment: format there
    public: bool = False  # the guide itself puts it into the browser
    exposure_severity: str = ""  # of a secret that is public; "" leaves it to the check
    max_age_days: int | None = None  # None: exempt
    period_stated: bool = False  # the guide gives this period; else it is the policy's default
    strict_max_age_days: int | None = None
    consumers: tuple[str, ...] = ()
    restart: str = ""  # restart | rebuild, of the consumers, for a new value to take effect
    generate: str = ""  # the command that makes a new value
    obtain: str = ""  # where a new value is got, if it is not made
    revoke: str = ""  # how the old value is revoked at its provider
    overlap: str = "unknown"  # yes | no | unknown: whether old and new value can both be valid for a while
    counterpart: str = ""  # the other end that must get the new value, and how, such as a database's role
    grace_variable: str = ""  # where the old value stays valid for a while, if the application can
    sessions_lost: str = ""  # whose sessions end with the old value
    lines: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # fact: the lines that state it

    @property
    def guide_lines(self) -> tuple[int, ...]:
        """All lines of the guide that speak of this variable."""
        return tuple(sorted({line for lines in self.lines.values() for line in lines}))

    def cited(self, *facts: str) -> tuple[int, ...]:
        """The lines of the guide that state these facts: period, pairing, length, …"""
        return tuple(sorted({line for fact in facts for line in self.lines.get(fact, ())}))


@dataclass(frozen=True)
class Policy:
    """One application's policy, or the generic one.

    Placeholders, defaults and name patterns are globs over the whole text, letter case aside, in which
    `*` is the only wildcard: `*change-me*` is a placeholder wherever it is, `test` only alone.
    """

    name: str
    path: Path
    sha256: str
    secrets: tuple[SecretRule, ...]
    title: str = ""
    extends: str = ""
    formats: Mapping[str, str] = field(default_factory=dict)  # name: anchored regular expression
    placeholders: tuple[str, ...] = ()
    public_prefixes: tuple[str, ...] = ()
    secret_names: tuple[str, ...] = ()  # patterns of names that look like a secret's
    secret_url_names: tuple[str, ...] = ()  # … if the value is a URL with a password
    compromised: tuple[str, ...] = ()  # SHA-256 of values known to be public (80 bits or more)
    warn_days: int = 14
    default_max_age_days: int = 90  # for a secret whose period the guide does not state
    strict_max_age_days: int | None = None  # the guide's "at minimum" for all
    guide_sha256: str = ""  # of the guide's text that the line numbers refer to
    recognised_by: tuple[str, ...] = ()  # variables by which a project is known to be this application
    recognised_at_least: int = 1  # … and how many of them
    greps: tuple[DocumentedGrep, ...] = ()
    alerts: tuple[AlertRule, ...] = ()
    logins: tuple[Login, ...] = ()  # its own, then those that audit.toml adds
    consumers: tuple[Consumer, ...] = ()
    rules: str = ""  # the guide's numbered rules: a bundled name, or a file beside the policy
    options: Mapping[str, object] = field(default_factory=dict)  # other tables, read where they concern

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

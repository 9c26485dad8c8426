"""A policy: what an application's guide demands of each secret, as data."""

from dataclasses import dataclass, field
from pathlib import Path

Requirement = str  # always | production | recommended | feature


@dataclass(frozen=True)
class SecretRule:
    """What the guide says of one variable. `guide_lines` are the guide's own line numbers."""

    name: str
    service: str
    kind: str  # secret | identifier | setting; only a secret is fingerprinted in reports, sealed and aged
    required: Requirement
    title: str = ""
    aliases: tuple[str, ...] = ()
    format: str = ""  # a name in Policy.formats; "" where the guide states none
    component: str = "whole"  # of a URL the part that is the secret: password
    min_length: int = 0
    good_length: int = 0  # what the guide's own generator gives; between the two is a warning
    placeholders: tuple[str, ...] = ()
    equals: tuple[str, ...] = ()  # variables that must hold the same value in the same environment
    differs: tuple[str, ...] = ()  # variables that must not
    rotates_with: tuple[str, ...] = ()
    public: bool = False  # the guide itself puts it into the browser
    max_age_days: int | None = None  # None: exempt
    strict_max_age_days: int | None = None
    consumers: tuple[str, ...] = ()
    restart: str = ""  # restart | rebuild, of the consumers, for a new value to take effect
    revoke: str = ""  # how the old value is revoked at its provider
    guide_lines: tuple[int, ...] = ()


@dataclass(frozen=True)
class Policy:
    """One application's policy, or the generic one."""

    name: str
    path: Path
    sha256: str
    secrets: tuple[SecretRule, ...]
    formats: dict[str, str] = field(default_factory=dict)  # name: anchored regular expression
    placeholders: tuple[str, ...] = ()
    public_prefixes: tuple[str, ...] = ()
    secret_names: tuple[str, ...] = ()  # patterns of names that look like a secret's
    compromised: tuple[str, ...] = ()  # SHA-256 of values known to be public (80 bits or more)
    warn_days: int = 14
    options: dict[str, object] = field(default_factory=dict)  # other tables, read where they concern

    def rule(self, name: str) -> SecretRule | None:
        """The rule for a variable, by its name or an alias."""
        return next((rule for rule in self.secrets if name == rule.name or name in rule.aliases), None)

"""Where one application's evidence is: env files, logs, deploy lists, exports, the ledger."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from audit_lib.base.errors import Fault
from audit_lib.project.logins import Login

MOST_FAULTS = 20  # of one file, told one by one
ENVIRONMENTS = ("development", "staging", "production")
ALIASES = {"dev": "development", "prod": "production"}
_PLACED = re.compile(r"([A-Za-z]+)/(\w[\w.-]{0,79})=(.+)", re.DOTALL)
# What reads an env file, each with rules of its own (secrets/loaders/).
LOADERS = ("python-dotenv", "dotenv", "next", "compose", "docker", "systemd", "render")


@dataclass(frozen=True)
class EnvSource:
    """An env file of one service in one environment. `example` files are templates, not environments."""

    environment: str
    service: str
    path: str  # relative to the project
    example: bool = False
    export: bool = False  # the platform's values, left in a file: in force, and a finding by itself
    backup: bool = False  # a copy beside the source: a witness (E4), never what is in force
    loader: str = ""  # one of LOADERS; "" if the file and its neighbours have to say


@dataclass(frozen=True)
class LogSource:
    """Log files by pattern, within the project or absolute, and the zone of their zone-less times.

    Of a log that `--log` gives, `file` is where it is and `pattern` what it is called.
    """

    pattern: str
    service: str = ""
    environment: str = ""
    time_zone: str = "UTC"
    instances: int = 0  # so many write logs there, each its own; 0: nobody says
    zone_declared: bool = False  # by audit.toml, for the log or for the project
    file: Path | None = field(default=None, repr=False)
    dated: bool = True  # whether the file's own date says when it was written: not of stdin


@dataclass(frozen=True)
class DeploySource:
    """Deploy lists of the platform by pattern, relative to the project, and what they are of."""

    pattern: str
    service: str = ""
    environment: str = ""


@dataclass(frozen=True)
class EvidenceSource:
    """Exports of a secret store by pattern, relative to the project: since when its values are there."""

    pattern: str
    service: str
    environment: str
    secret: str = ""  # of an export that names none


def source_row(
    source: LogSource | DeploySource | EvidenceSource, name: str, kind: str, **columns: Any
) -> dict[str, Any]:
    """A row of the contract Sources for a file, or a pattern, of a source: read, unless `columns` differ."""
    place = {"source": name, "kind": kind, "environment": source.environment, "service": source.service}
    return place | {"state": "read", "reason": "", "remedy": ""} | columns


def first_faults(faults: Iterable[str]) -> str:
    """The first twenty faults of a file, and how many more there are; "" if it has none."""
    told = list(faults)
    left = len(told) - MOST_FAULTS
    return "; ".join([*told[:MOST_FAULTS], *([f"{left} more faults"] if left > 0 else [])])


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
    """Values given with `--env ENVIRONMENT/SERVICE=FILE|-|environ|aws-sm:NAME`: read once, never stored.

    `dates` are what the store says of them; an export of dates alone has no content.
    """

    environment: str
    service: str
    origin: str
    content: bytes = field(repr=False)
    dates: tuple[StoreDate, ...] = ()


@dataclass(frozen=True)
class Project:
    """Where one application's evidence is.

    Paths are relative to `root` and never lead out of it, but for logs in a folder of `log_folders`.
    """

    name: str
    root: Path
    policy: str = ""  # a bundled policy's name or a path relative to root; "" where none was named
    guide: str = "docs/SECRETS.md"
    environments: tuple[str, ...] = ENVIRONMENTS  # those that the application has
    env_sources: tuple[EnvSource, ...] = ()
    log_sources: tuple[LogSource, ...] = ()
    log_folders: tuple[str, ...] = ()  # outside, that the owner allows to read logs from
    formats: str = ""  # a file of log formats to read by, in place of the bundled ones
    deploy_sources: tuple[DeploySource, ...] = ()
    evidence_sources: tuple[EvidenceSource, ...] = ()
    exports: tuple[str, ...] = ()
    leavers: str = ""  # a list of who left, and when
    breaches: str = ""  # a list of providers that reported a breach, and when
    access_log: str = ""  # the platform's own log of who looked at values
    may_look: tuple[str, ...] = ()  # who may look at values there
    logins: tuple[Login, ...] = ()
    time_zone: str = "UTC"  # of the times that people and logs write without one
    zone_declared: bool = False  # by audit.toml
    ledger: Path | None = None  # default root/.audit/ledger
    configured: bool = False  # an audit.toml was read
    layout_sha256: str = ""  # of the audit.toml that was read
    pinned_as_of: str = ""  # the sample's own date
    key: str = ""  # demo: the sample's public key; "" for the auditor's own
    not_searched: tuple[Fault, ...] = ()  # what discovery left out: the place, then why

    @property
    def ledger_dir(self) -> Path:
        """The folder of the ledger's chains, one file a writer."""
        return self.ledger or self.root / ".audit" / "ledger"


def placed_option(text: str) -> tuple[str, str, str] | None:
    """What `ENVIRONMENT/SERVICE=REST` names, with the environment's full name; None for any other text."""
    found = _PLACED.fullmatch(text)
    environment = environment_name(found[1]) if found else ""
    return (environment, found[2], found[3]) if found and environment else None


def environment_name(text: str) -> str:
    """The environment that a name or an alias (dev, prod) stands for; "" for any other text."""
    name = ALIASES.get(text.strip().lower(), text.strip().lower())
    return name if name in ENVIRONMENTS else ""

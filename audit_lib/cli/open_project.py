"""What the commands share: options, the project that these open, and how an option is refused."""

import getpass
import platform
import re
import sys
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial, wraps
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from audit_lib import settings
from audit_lib.base.clock import iso
from audit_lib.base.errors import BadInput, Fault
from audit_lib.ledger import Draft, Entry, Ledger, keys, read_ledger, timeline, whose, write_entry
from audit_lib.logs.files import spooled, with_logs
from audit_lib.report.known_values import guard_values
from audit_lib.rotation.rotations import TRIGGERS
from audit_lib.secrecy import guard, strength
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets import given as given_values
from audit_lib.secrets.read_project import ProjectRead

Decorator = Callable[[Any], Any]
flag, shown = partial(click.option, is_flag=True), partial(click.option, show_default=True)
PATH = click.Path(path_type=Path)
FOUND = 3  # the exit code of a command that found something to act upon
_LONGEST = 64 << 10  # bytes of a value that is entered
_WRITTEN = ("by", "approved_by", "owner", "reason", "ticket", "proof", "writer", "source", "out", "previous")


def refuse(*faults: tuple[object, str, str]) -> None:
    """Raise `BadInput` with all faults whose condition holds: each a condition, a place and a text."""
    if found := [Fault(place, text) for condition, place, text in faults if condition]:
        raise BadInput(found)


def environment_of(_: click.Context, param: click.Parameter, text: str) -> str:
    """The environment that an option names, "" for none; `BadInput` for any other text."""
    name = settings.environment_name(text)
    refuse((text and not name, param.opts[0], "must be one of development, staging, production (dev, prod)"))
    return name


_TYPED = {
    "--project": click.option("--project", "folder", type=PATH, default=".", show_default=True),
    "--env": click.option("--env", multiple=True, metavar="ENVIRONMENT/SERVICE=FILE|-|environ"),
    "--log": click.option("--log", "logs", multiple=True, metavar="ENVIRONMENT/SERVICE=PATH|-"),
    "--ledger": click.option("--ledger", type=PATH),
    "--out": click.option("--out", type=PATH),
    "--environment": click.option("--environment", default="", callback=environment_of),
    "--trigger": click.option("--trigger", type=click.Choice(TRIGGERS)),
}


def command(
    *options: str | Decorator, of: click.Group | None = None, name: str | None = None, opens: bool = True
) -> Decorator:
    """A decorator for a command; a name alone is a common option, or a text that is empty by default.

    The function of a command that `opens` gets the `Opened` project first, then all that was given by name.
    """

    def decorate(function: Any) -> click.Command:
        @wraps(function)
        def run(**given: Any) -> Any:
            return function(opened(given["folder"], given), **given)

        made: click.Command = (of or click).command(name)(run if opens else function)
        for one in ("--project", *options) if opens else options:
            made = (_TYPED.get(one, click.option(one, default="")) if isinstance(one, str) else one)(made)
        return made

    return decorate


def layout(*formats: str) -> Decorator:
    """The option in which of these formats to print, the first by default."""
    return shown("--format", "layout", default=formats[0], type=click.Choice(formats))


@dataclass(frozen=True)
class Opened:
    """A project with its policy, the values that were given, and who opened it."""

    project: settings.Project
    policy: settings.Policy
    given: tuple[settings.GivenValues, ...]
    stdin: bytes  # the values that it gave
    spool: Path | None  # a log that it gave, until the command ends
    at: datetime  # when it was opened, UTC
    writer: str
    by: str

    @property
    def key(self) -> Key:
        """The ledger's key, or a throw-away one where there is no ledger."""
        return keys.key_of(self.project)

    def instant(self, as_of: str) -> datetime:
        """The instant that a text names; of "" the sample's own, else now."""
        return settings.instant_of(self.project, as_of or self.project.pinned_as_of or iso(self.at))

    def read(self, key: Key | None = None, as_of: datetime | None = None) -> ProjectRead:
        """The project as of an instant, by default now. From now on no output holds a value of it."""
        here: dict[str, Any] = {"project": self.project, "policy": self.policy, "given": self.given}
        read = ProjectRead(**here, keeper=Keeper(key or self.key), as_of=as_of or self.at)
        guard_values(read)
        return read

    def ledger(self) -> Ledger:
        """What the ledger holds now; MACs are checked unless there is no key."""
        key = self.key
        return read_ledger(self.project.ledger_dir, None if key.origin == "throw-away" else key)

    def append(self, kind: str, body: Mapping[str, Any], key: Key | None = None) -> Entry:
        """The entry that was appended to the writer's chain."""
        draft = Draft(kind, dict(body))
        return write_entry(self.project.ledger_dir, key or self.key, draft, self.at, self.writer)


def opened(folder: Path, given: Mapping[str, Any]) -> Opened:
    """The project with what a command's options give; `BadInput` for a text that holds a value."""
    env, logs = given.get("env", ()), given.get("logs", ())
    piped = [one for one in (*env, *logs) if one.endswith("=-")]
    refuse((len(piped) > 1, "--log, --env", "stdin (-) can be given once only"))
    stdin = sys.stdin.buffer.read(given_values.LIMIT_BYTES + 1) if {*piped} & {*env} else b""
    spool = spooled_stdin() if {*piped} & {*logs} else None

    project = settings.load_project(folder, given.get("ledger"))
    project = with_logs(project, logs, BytesIO(), lambda _: spool or Path())
    values = given_values.parse_env_options(env, BytesIO(stdin))
    policy, user = settings.choose_policy(project, given.get("policy", "")), "someone"
    with suppress(OSError, KeyError):
        user = getpass.getuser()
    host = re.sub(r"[^a-z0-9._-]+", "-", f"{user}-{platform.node() or 'host'}".lower()).strip("-._")
    writer = given.get("writer") or host[:64] or "someone"
    at = datetime.now(UTC).replace(microsecond=0)  # as the ledger keeps it; nothing else reads the clock

    context = Opened(project, policy, values, stdin, spool, at, writer, given.get("by") or writer)
    refuse_values(context, {f"--{name.replace('_', '-')}": given.get(name) for name in _WRITTEN})
    return context


def spooled_stdin() -> Path:
    """A private file with all that stdin gives, kept until the command ends."""
    folder = TemporaryDirectory(prefix="audit-log-")
    return spooled(sys.stdin.buffer, Path(click.get_current_context().with_resource(folder)))


def refuse_values(context: Opened, texts: Mapping[str, object]) -> None:
    """Raise `BadInput` for each text that holds a value in place, or one that the ledger has seen."""
    given = {name: str(text) for name, text in texts.items() if text}
    if not given:
        return
    keeper = context.read().keeper
    seen = {stay.fingerprint for stay in timeline.tenures(context.ledger())}
    fault = "holds a secret value of this project: describe it in other words"
    refuse(*((_holds_value(text, keeper, seen), name, fault) for name, text in given.items()))


def _holds_value(text: str, keeper: Keeper, seen: Collection[str]) -> bool:
    """Whether a text holds a known value, or a word of it is a value by one of these fingerprints."""
    words = {text, *text.split(), *re.split(r"[\s/\\\"'`,;:=()<>\[\]]+", text)}
    parts = {part for word in words for part in whose.candidates(word)}
    # A weak one is there by chance.
    strong = (part for part in parts if strength.strength_bits(part) >= strength.WEAKEST_BITS)
    return guard.scrub(text) != text or any(keeper.fingerprint(part) in seen for part in strong)


def entered_value(prompt: str, *, twice: bool = False) -> str:
    """A value from a prompt that does not echo, or one line of stdin; `BadInput` for anything else."""
    if sys.stdin.isatty():
        return str(click.prompt(prompt, hide_input=True, confirmation_prompt=twice, err=True))
    raw = sys.stdin.buffer.read(_LONGEST + 1)
    value = raw.decode("utf-8", "surrogateescape").rstrip("\r\n")
    refuse((not value.strip() or len(raw) > _LONGEST, "stdin", "must be a text of at most 64 KiB"))
    return value

"""The options that several commands take, and the project that they open."""

import getpass
import platform
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from click import option

from audit_lib.base.clock import iso
from audit_lib.base.errors import BadInput, Fault
from audit_lib.ledger import Draft, Entry, Ledger, read_ledger, write_entry
from audit_lib.ledger.keys import key_of
from audit_lib.ledger.timeline import tenures
from audit_lib.ledger.whose import candidates
from audit_lib.logs.files import spooled, with_logs
from audit_lib.report.known_values import guard_values
from audit_lib.rotation.rotations import TRIGGERS
from audit_lib.secrecy import guard
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrecy.strength import WEAKEST_BITS, strength_bits
from audit_lib.secrets.given import LIMIT_BYTES, parse_env_options
from audit_lib.secrets.read_project import ProjectRead
from audit_lib.settings import GivenValues, Policy, Project, choose_policy, instant_of, load_project

Decorator = Callable[[Any], Any]
flag, shown = partial(option, is_flag=True), partial(option, show_default=True)
PATH = click.Path(path_type=Path)
_WRITTEN = ("by", "approved_by", "owner", "reason", "ticket", "proof", "writer", "source", "out", "previous")
_TYPED = {
    "--project": option("--project", "folder", type=PATH, default=".", show_default=True),
    "--env": option("--env", multiple=True, metavar="ENVIRONMENT/SERVICE=FILE|-|environ"),
    "--log": option("--log", "logs", multiple=True, metavar="ENVIRONMENT/SERVICE=PATH|-"),
    "--ledger": option("--ledger", type=PATH),
    "--out": option("--out", type=PATH),
    "--trigger": option("--trigger", type=click.Choice(TRIGGERS)),
}


def command(*options: str | Decorator, of: click.Group | None = None, name: str | None = None) -> Decorator:
    """A decorator for a command; a name alone is a common option, or a text that is empty by default."""

    def decorate(function: Any) -> click.Command:
        made: click.Command = of.command(name)(function) if of else click.command(name)(function)
        for one in options:
            made = (_TYPED.get(one, option(one, default="")) if isinstance(one, str) else one)(made)
        return made

    return decorate


def layout(*formats: str) -> Decorator:
    """The option in which of these formats to print, the first by default."""
    return shown("--format", "layout", default=formats[0], type=click.Choice(formats))


@dataclass(frozen=True)
class Opened:
    """A project with its policy, the values that were given, and who opened it."""

    project: Project
    policy: Policy
    given: tuple[GivenValues, ...]
    stdin: bytes  # the values that it gave
    spool: Path | None  # a log that it gave, until the command ends
    at: datetime  # when it was opened, UTC
    writer: str
    by: str

    @property
    def key(self) -> Key:
        """The ledger's key, or a throw-away one where there is no ledger."""
        return key_of(self.project)

    @property
    def name(self) -> str:
        """The project's name as a part of a folder's name."""
        return re.sub(r"[^A-Za-z0-9._-]+", "-", self.project.name).strip("-.") or "project"

    def instant(self, as_of: str) -> datetime:
        """The instant that a text names; of "" the sample's own, else now."""
        return instant_of(self.project, as_of or self.project.pinned_as_of or iso(self.at))

    def read(self, key: Key | None = None, as_of: datetime | None = None) -> ProjectRead:
        """The project as of an instant, by default now. From now on no output holds a value of it."""
        opened = {"project": self.project, "policy": self.policy, "given": self.given}
        read = ProjectRead(**opened, keeper=Keeper(key or self.key), as_of=as_of or self.at)  # type: ignore[arg-type]
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
    stdin, spool = _read_stdin(given)
    project = load_project(folder, given.get("ledger"))
    project = with_logs(project, given.get("logs", ()), BytesIO(), lambda _: spool or Path())
    values = parse_env_options(given.get("env", ()), BytesIO(stdin))
    policy, user = choose_policy(project, given.get("policy", "")), "someone"
    with suppress(OSError, KeyError):
        user = getpass.getuser()
    host = re.sub(r"[^a-z0-9._-]+", "-", f"{user}-{platform.node() or 'host'}".lower()).strip("-._")
    writer = given.get("writer") or host[:64] or "someone"
    at = datetime.now(UTC).replace(microsecond=0)  # as the ledger keeps it; nothing else reads the clock
    context = Opened(project, policy, values, stdin, spool, at, writer, given.get("by") or writer)
    refuse_values(context, {f"--{name.replace('_', '-')}": given.get(name) for name in _WRITTEN})
    return context


def _read_stdin(given: Mapping[str, Any]) -> tuple[bytes, Path | None]:
    """What stdin gives: values, which stay in memory, or a log, kept in a private file."""
    logs, env = (sum(one.endswith("=-") for one in given.get(name, ())) for name in ("logs", "env"))
    refuse_if(logs + env > 1, "--log, --env", "stdin (-) can be given once only")
    if logs:
        folder = TemporaryDirectory(prefix="audit-log-")
        return b"", spooled(sys.stdin.buffer, Path(click.get_current_context().with_resource(folder)))
    return sys.stdin.buffer.read(LIMIT_BYTES + 1) if env else b"", None


def refuse_values(context: Opened, texts: Mapping[str, object]) -> None:
    """Raise `BadInput` for each text that holds a value in place, or one that the ledger has seen."""
    given = {name: str(text) for name, text in texts.items() if text}
    if not given:
        return
    keeper = context.read().keeper
    seen = {stay.fingerprint for stay in tenures(context.ledger())}
    faults = []
    for name, text in given.items():
        words = {text, *text.split(), *re.split(r"[\s/\\\"'`,;:=()<>\[\]]+", text)}
        parts = {part for word in words for part in candidates(word)}  # a weak one is there by chance
        strong = {keeper.fingerprint(part) for part in parts if strength_bits(part) >= WEAKEST_BITS}
        if guard.scrub(text) != text or not seen.isdisjoint(strong):
            faults.append(Fault(name, "holds a secret value of this project: describe it in other words"))
    if faults:
        raise BadInput(faults)


def refuse_if(refused: object, place: str, fault: str) -> None:
    """Raise `BadInput` with this one fault if something holds."""
    if refused:
        raise BadInput.at(place, fault)


def entered_value(prompt: str, *, twice: bool = False) -> str:
    """A value from a prompt that does not echo, or one line of stdin; `BadInput` for anything else."""
    if sys.stdin.isatty():
        return str(click.prompt(prompt, hide_input=True, confirmation_prompt=twice, err=True))
    raw = sys.stdin.buffer.read((64 << 10) + 1)
    value = raw.decode("utf-8", "surrogateescape").rstrip("\r\n")
    refuse_if(not value.strip() or len(raw) > 64 << 10, "stdin", "must be a text of at most 64 KiB")
    return value

"""What the commands share: their options, the project that they open, how they refuse and what they print.

A command prints wrapped and coloured on a terminal, in plain whole lines elsewhere, and as JSON.
"""

import getpass
import json
import os
import platform
import re
import sys
import textwrap
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial, wraps
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, TextIO

import click
import pandas as pd

from audit_lib import settings
from audit_lib.base import clock, errors
from audit_lib.ledger import Draft, Entry, Ledger, keys, read_ledger, timeline, write_entry
from audit_lib.logs.files import spooled, with_logs
from audit_lib.report import escape as inert, known_values
from audit_lib.rotation.rotations import TRIGGERS
from audit_lib.secrecy import guard, strength
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets import env as env_files, read_project, sources

Decorator = Callable[[Any], Any]
flag, shown = partial(click.option, is_flag=True), partial(click.option, show_default=True)
PATH = click.Path(path_type=Path)
FOUND = 3  # the exit code of a command that found something to act upon
_SHORTEST, _LONGEST = 8, 64 << 10  # characters that each column keeps; bytes of a value that is entered
_WRITTEN = ("by", "approved_by", "owner", "reason", "ticket", "proof", "writer", "source", "out", "previous")


def refuse(*faults: tuple[object, str, str]) -> None:
    """Raise `BadInput` with all faults whose condition holds: each a condition, a place and a text."""
    if found := [errors.Fault(place, text) for condition, place, text in faults if condition]:
        raise errors.BadInput(found)


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


class Opened(NamedTuple):
    """A project with its policy, the values that were given, and who opened it."""

    project: settings.Project
    policy: settings.Policy
    given: tuple[settings.GivenValues, ...]
    spool: Path | None  # a log that stdin gave, until the command ends
    at: datetime  # when it was opened, UTC
    writer: str
    by: str

    @property
    def key(self) -> Key:
        """The ledger's key, or a throw-away one where there is no ledger."""
        return keys.key_of(self.project)

    def instant(self, as_of: str) -> datetime:
        """The instant that a text names; of "" the sample's own, else now."""
        return clock.parse_instant(as_of or self.project.pinned_as_of or clock.iso(self.at), "as_of")

    def read(self, key: Key | None = None, as_of: datetime | None = None) -> read_project.ProjectRead:
        """The project as of an instant, by default now. From now on no output holds a value of it."""
        read = read_project.ProjectRead(
            project=self.project,
            policy=self.policy,
            given=self.given,
            keeper=Keeper(key or self.key),
            as_of=as_of or self.at,
        )
        known_values.guard_values(read)
        return read

    def ledger(self) -> Ledger:
        """What the ledger holds now; MACs are checked unless there is no key."""
        return read_ledger(self.project.ledger_dir, None if self.key.origin == "throw-away" else self.key)

    def append(self, kind: str, body: Mapping[str, Any], key: Key | None = None) -> Entry:
        """The entry that was appended to the writer's chain."""
        return write_entry(
            self.project.ledger_dir, key or self.key, Draft(kind, dict(body)), self.at, self.writer
        )


def opened(folder: Path, given: Mapping[str, Any]) -> Opened:
    """The project with what a command's options give: values, logs, a policy, a ledger.

    Raises `BadInput` for options that exclude each other, and for a text that holds a value.
    """
    env, logs = given.get("env", ()), given.get("logs", ())
    piped = [one for one in (*env, *logs) if one.endswith("=-")]
    refuse((len(piped) > 1, "--log, --env", "stdin (-) can be given once only"))
    stdin = sys.stdin.buffer.read(env_files.MAX_BYTES + 1) if {*piped} & {*env} else b""
    spool = spooled_stdin() if {*piped} & {*logs} else None

    project = settings.load_project(folder, given.get("ledger"))
    project = with_logs(project, logs, BytesIO(), lambda _: spool or Path())
    values = sources.parse_env_options(env, BytesIO(stdin))
    # To recognise a project without env files its code would be read: a hook must not wait for that.
    held = project.configured or env or any((project.root / one.path).exists() for one in project.env_sources)
    unknown = "generic" if given.get("staged") and not held else ""
    policy, user = settings.choose_policy(project, given.get("policy") or unknown), "someone"
    with suppress(OSError, KeyError):
        user = getpass.getuser()
    host = re.sub(r"[^a-z0-9._-]+", "-", f"{user}-{platform.node() or 'host'}".lower()).strip("-._")
    writer = given.get("writer") or host[:64] or "someone"
    at = datetime.now(UTC).replace(microsecond=0)  # as the ledger keeps it; nothing else reads the clock

    context = Opened(project, policy, values, spool, at, writer, given.get("by") or writer)
    refuse_values(context, {f"--{name.replace('_', '-')}": given.get(name) for name in _WRITTEN})
    return context


def spooled_stdin() -> Path:
    """A private file with all that stdin gives, kept until the command ends."""
    folder = TemporaryDirectory(prefix="audit-log-")
    return spooled(sys.stdin.buffer, Path(click.get_current_context().with_resource(folder)))


def refuse_values(context: Opened, texts: Mapping[str, object]) -> None:
    """Raise `BadInput` for each text that holds a value in place, or one that the ledger has seen.

    Texts are given by the name that a fault is to have; empty ones are passed over. With what the ledger
    has seen each text and its words are compared, unless they are weaker than 40 bits.
    """
    given = {name: str(text) for name, text in texts.items() if text}
    if not given:
        return
    keeper, seen = context.read().keeper, {one.fingerprint for one in timeline.tenures(context.ledger())}
    fault = "holds a secret value of this project: describe it in other words"
    refuse(*((_holds_value(text, keeper, seen), name, fault) for name, text in given.items()))


def _holds_value(text: str, keeper: Keeper, seen: Collection[str]) -> bool:
    words = {text, *text.split(), *re.split(r"[\s/\\\"'`,;:=()<>\[\]]+", text)}
    parts = {part for word in words for part in timeline.candidates(word)}
    # A weak one is there by chance.
    strong = (part for part in parts if strength.strength_bits(part) >= strength.WEAKEST_BITS)
    return guard.scrub(text) != text or any(keeper.fingerprint(part) in seen for part in strong)


def entered_value(prompt: str, *, twice: bool = False) -> str:
    """A value from a prompt that does not echo, else what stdin gives without the ends of its lines.

    Raises `BadInput` if stdin gives nothing, or more than 64 KiB.
    """
    if sys.stdin.isatty():
        return str(click.prompt(prompt, hide_input=True, confirmation_prompt=twice, err=True))
    raw = sys.stdin.buffer.read(_LONGEST + 1)
    refuse((not raw.strip() or len(raw) > _LONGEST, "stdin", "must be a text of at most 64 KiB"))
    return raw.decode("utf-8", "surrogateescape").rstrip("\r\n")


def colour() -> bool | None:
    """click's `color`: False if NO_COLOR (no-color.org) is set or the terminal is dumb; else it decides."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None


def columns(stream: TextIO) -> int | None:
    """The columns that may be written in a line of a stream; None if no terminal shows them."""
    return max(os.get_terminal_size(stream.fileno()).columns or 80, 20) if stream.isatty() else None


def say(*lines: object, lead: str = "", colour: str = "", indent: str = "", err: bool = False) -> None:
    """Write inert lines, each after the `lead`, which is bold; a line that is None is left out.

    On a terminal a line is wrapped, and what follows its first part is set in by two more.
    """
    width, head = columns(sys.stderr if err else sys.stdout), inert.plain(f"{indent}{lead}")
    for line in (line for line in lines if line is not None):
        shown = f"{head}{inert.plain(line)}"
        if width:
            shown = textwrap.fill(shown, width - 1, subsequent_indent=f"{indent}  ", break_on_hyphens=False)
        if lead:  # which may be wrapped itself
            wrapped = re.match(r"\s*" + r"\s+".join(map(re.escape, head.split())), shown)
            end = wrapped.end() if wrapped else len(head)
            shown = click.style(shown[:end], fg=colour or None, bold=True) + shown[end:]
        click.echo(shown, err=err)


def print_json(document: object) -> None:
    """Print a document that holds JSON values alone, indented."""
    click.echo(json.dumps(document, indent=1, ensure_ascii=False))


def print_table(table: pd.DataFrame) -> None:
    """Print a frame, "-" for a null; on a narrower terminal the middle of the longest texts is left out."""
    shown = table.astype(object).where(table.notna(), "-").map(inert.plain)
    lines = [list(table.columns), *shown.to_numpy().tolist()]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    width = columns(sys.stdout) or sys.maxsize
    while sum(widths) + 2 * len(widths) > width and max(widths) > _SHORTEST:
        widths[widths.index(max(widths))] -= 1
    aligned = [str.rjust if pd.api.types.is_numeric_dtype(kind) else str.ljust for kind in table.dtypes]
    for line in lines:
        cells = (
            align(text if len(text) <= most else f"{text[: (most - 1) // 2]}…{text[-(most // 2) :]}", most)
            for text, most, align in zip(line, widths, aligned, strict=True)
        )
        click.echo("  ".join(cells).rstrip())

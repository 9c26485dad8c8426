"""Opens the project that a command names; refuses its values in what the command writes."""

import getpass
import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import click

from audit_lib.base.errors import BadInput, Fault
from audit_lib.cli.options import now
from audit_lib.ledger import Draft, Entry, Ledger, read_ledger, write_entry
from audit_lib.ledger.keys import key_of
from audit_lib.ledger.whose import candidates
from audit_lib.logs.files import STDIN, spooled, with_logs
from audit_lib.report.known_values import public_text
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrecy.redact import Redactor
from audit_lib.secrecy.strength import WEAKEST_BITS, strength_bits
from audit_lib.secrets.given import parse_env_options
from audit_lib.secrets.read_project import ProjectRead
from audit_lib.secrets.sources import read_env_sources
from audit_lib.settings import GivenValues, Policy, Project, choose_policy, load_project

_TEXTS = ("by", "approved_by", "owner", "reason", "ticket", "proof", "writer", "source")
_FOUND = "holds a secret value of this project: describe it in other words"


@dataclass(frozen=True)
class Opened:
    """A project with its policy, the values that were given, and who opened it."""

    project: Project
    policy: Policy
    given: tuple[GivenValues, ...]
    at: datetime  # when it was opened, UTC
    writer: str = ""
    by: str = ""

    def read(self, keeper: Keeper) -> ProjectRead:
        """The project as it is now; the keeper takes its values."""
        found = {"project": self.project, "policy": self.policy, "given": self.given}
        return ProjectRead(**found, keeper=keeper, as_of=self.at)  # type: ignore[arg-type]

    @property
    def key(self) -> Key:
        """The ledger's key, or a throw-away one where there is no ledger."""
        return key_of(self.project)

    def ledger(self) -> Ledger:
        """What the ledger holds now; MACs are checked unless there is no key."""
        key = self.key
        return read_ledger(self.project.ledger_dir, None if key.origin == "throw-away" else key)

    def append(self, kind: str, body: Mapping[str, Any]) -> Entry:
        """The entry that was appended to the writer's chain."""
        return write_entry(self.project.ledger_dir, self.key, Draft(kind, dict(body)), self.at, self.writer)


def opened(folder: Path, given: Mapping[str, Any]) -> Opened:
    """The project with what a command's options give; stdin is read here, once.

    Raises:
        BadInput: an option cannot be used, or a text that the command will write holds a value.
    """
    project = load_project(folder, given.get("ledger"))
    values = parse_env_options(given.get("env", ()), sys.stdin.buffer)
    writer = given.get("writer") or default_writer()
    policy = choose_policy(project, given.get("policy", ""))
    context = Opened(project, policy, values, now(), writer, given.get("by") or writer)
    texts = {name.replace("_", "-"): given[name] for name in _TEXTS if given.get(name)}
    refuse_values(context, {f"--{name}": text for name, text in texts.items()})
    return context


def default_writer() -> str:
    """`user-host` in the letters that a chain's name may have."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = "someone"
    plain = re.sub(r"[^a-z0-9._-]+", "-", f"{user}-{platform.node() or 'host'}".lower()).strip("-._")
    return plain[:64] or "someone"


def with_given_logs(project: Project, given: Mapping[str, Any]) -> Project:
    """The project with the logs that `--log` gives; what stdin gives is kept until the command ends."""
    refuse_stdin_twice(given)

    def spool(stream: BinaryIO) -> Path:
        folder = TemporaryDirectory(prefix="audit-log-")
        return spooled(stream, Path(click.get_current_context().with_resource(folder)))

    return with_logs(project, given["logs"], sys.stdin.buffer, spool) if given["logs"] else project


def refuse_stdin_twice(given: Mapping[str, Any]) -> None:
    """Raises `BadInput` if both `--log` and `--env`, or one of them twice, name stdin."""
    if sum(one.endswith(f"={STDIN}") for one in (*given.get("env", ()), *given["logs"])) > 1:
        raise BadInput.at("--log, --env", "stdin (-) can be given once only")


def refuse_values(context: Opened, texts: Mapping[str, Any]) -> None:
    """Raise `BadInput` for each text, by its option, that holds a value of the project.

    Known are the values of the env files and of `--env`, in every form, and, as words, those that the ledger
    has seen. Weak ones, such as a user's name, are in texts by chance.
    """
    given = {option: str(text) for option, text in texts.items() if text}
    if not given:
        return
    keeper = Keeper(context.key)
    read_env_sources(context.project, context.given, keeper, context.policy)
    public = public_text(context.policy, context.project.name, str(context.project.root))
    strong = [one for one in keeper.fingerprints() if keeper.ask(one, strength_bits) >= WEAKEST_BITS]
    known = Redactor.of(keeper, [one for one in strong if not keeper.ask(one, public.__contains__)])
    seen = set(_seen(context.ledger()))
    faults = [
        Fault(option, _FOUND)
        for option, text in given.items()
        if known.text(text) != text or any(keeper.fingerprint(word) in seen for word in _words(text))
    ]
    if faults:
        raise BadInput(faults)


def _seen(ledger: Ledger) -> list[str]:
    """The fingerprints of every value that the ledger has seen."""
    snapshots = [row["fingerprint"] for entry in ledger.of_kind("snapshot") for row in entry.body["secrets"]]
    changes = ledger.of_kind("rotation")
    return [*snapshots, *(one.body.get(side) for one in changes for side in ("previous", "fingerprint"))]


def _words(text: str) -> set[str]:
    """What may be a value in a text: the whole, its words, their parts, and what `whose` takes out."""
    words = {text, *text.split(), *re.split(r"[\s/\\\"'`,;:=()<>\[\]]+", text)}
    found = {candidate for word in words for _, candidate in candidates(word)}
    return {word for word in found if strength_bits(word) >= WEAKEST_BITS}

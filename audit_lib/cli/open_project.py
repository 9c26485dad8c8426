"""Opens the project that a command names, and refuses its values in text that the command will write."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import click

from audit_lib.base.errors import BadInput, Fault
from audit_lib.ledger import Ledger, read_ledger
from audit_lib.ledger.keys import key_of
from audit_lib.ledger.whose import candidates
from audit_lib.logs.files import STDIN, spooled, with_logs
from audit_lib.report.known_values import public_text
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrecy.redact import WEAKEST_BITS, Redactor
from audit_lib.secrecy.strength import strength_bits
from audit_lib.secrets.given import parse_env_options
from audit_lib.secrets.sources import read_env_sources
from audit_lib.settings import GivenValues, Policy, Project, choose_policy, load_project

_TEXTS = ("by", "approved_by", "owner", "reason", "ticket", "proof", "writer", "source")
_FOUND = "holds a secret value of this project: describe it in other words"


@dataclass(frozen=True)
class Opened:
    """A project with its policy and the values that were given."""

    project: Project
    policy: Policy
    given: tuple[GivenValues, ...]

    @property
    def key(self) -> Key:
        """The ledger's key, or a throw-away one where there is no ledger."""
        return key_of(self.project)

    def ledger(self) -> Ledger:
        """What the ledger holds now; MACs are checked unless there is no key."""
        key = self.key
        return read_ledger(self.project.ledger_dir, None if key.origin == "throw-away" else key)


def opened(folder: Path, given: Mapping[str, Any]) -> Opened:
    """The project with what `--ledger`, `--policy` and `--env` give; stdin is read here, once."""
    project = load_project(folder, given.get("ledger"))
    values = parse_env_options(given.get("env", ()), sys.stdin.buffer)
    return Opened(project, choose_policy(project, given.get("policy", "")), values)


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

    `texts` are the options of a command; those that it writes nowhere are left alone. Known are the values
    of the env files and of `--env`, in every form, and, as words, those that the ledger has seen. Weak ones,
    such as a user's name, are in texts by chance.
    """
    named = {f"--{name.replace('_', '-')}": texts[name] for name in _TEXTS if name in texts}
    named |= {name: text for name, text in texts.items() if name.startswith("--") or name.isupper()}
    given = {option: str(text) for option, text in named.items() if text}
    if not given:
        return
    keeper = Keeper(context.key)
    read_env_sources(context.project, context.given, keeper, context.policy)
    seen = _seen(context.ledger())
    known = Redactor.of(keeper, _strong(context, keeper))
    faults = [
        Fault(option, _FOUND)
        for option, text in given.items()
        if known.text(text) != text or any(keeper.fingerprint(word) in seen for word in _words(text))
    ]
    if faults:
        raise BadInput(faults)


def _strong(context: Opened, keeper: Keeper) -> list[str]:
    """The fingerprints of strong values, but for those that the project's name, folder or policy say."""
    public = public_text(context.policy, context.project.name, str(context.project.root))
    strong = [one for one in keeper.fingerprints() if keeper.ask(one, strength_bits) >= WEAKEST_BITS]
    return [one for one in strong if not keeper.ask(one, public.__contains__)]


def _seen(ledger: Ledger) -> set[str]:
    """The fingerprints of every value that the ledger has seen."""
    snapshots = [row["fingerprint"] for entry in ledger.of_kind("snapshot") for row in entry.body["secrets"]]
    sides = ("previous", "fingerprint")
    rotations = [entry.body.get(side) for entry in ledger.of_kind("rotation") for side in sides]
    return {fingerprint for fingerprint in (*snapshots, *rotations) if fingerprint}


def _words(text: str) -> set[str]:
    """What may be a value in a text: the whole, its words, their parts, and what `whose` takes out."""
    words = {text, *text.split(), *re.split(r"[\s/\\\"'`,;:=()<>\[\]]+", text)}
    found = {candidate for word in words for _, candidate in candidates(word)}
    return {word for word in found if strength_bits(word) >= WEAKEST_BITS}

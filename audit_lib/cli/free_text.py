"""Refuses a secret value in text that a command is about to write: a reason, a name, a folder."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from audit_lib.base.errors import BadInput, Fault
from audit_lib.cli.open_project import Opened
from audit_lib.ledger import Ledger, read_ledger
from audit_lib.ledger.keys import key_of
from audit_lib.ledger.whose import candidates
from audit_lib.report.known_values import public_text
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrecy.redact import WEAKEST_BITS, Redactor
from audit_lib.secrecy.strength import strength_bits
from audit_lib.secrets.sources import read_env_sources

_OPTIONS = ("by", "approved_by", "owner", "reason", "ticket", "proof", "writer")
_FOUND = "holds a secret value of this project: describe it in other words"


def refuse_values(context: Opened, texts: Mapping[str, str | Path | None], key: Key | None = None) -> None:
    """Raise `BadInput` for each text, by its option, that holds a value of the project.

    Known are the values of the env files and of `--env`, in every form, and, as words, those that the ledger
    has seen: also if only a platform holds them. Weak ones, such as a user's name, are in texts by chance.
    """
    given = {option: str(text) for option, text in texts.items() if text}
    if not given:
        return
    key = key or key_of(context.project)
    keeper = Keeper(key)
    read_env_sources(context.project, context.given, keeper, context.policy)
    seen = set() if key.origin == "throw-away" else _seen(read_ledger(context.project.ledger_dir, key))
    known = Redactor.of(keeper, _secret(context, keeper))
    faults = [
        Fault(option, _FOUND)
        for option, text in given.items()
        if known.text(text) != text or any(keeper.fingerprint(word) in seen for word in _words(text))
    ]
    if faults:
        raise BadInput(faults)


def _secret(context: Opened, keeper: Keeper) -> list[str]:
    """The fingerprints of strong values, but for those that the project's name, folder or policy say."""
    public = public_text(context.policy, context.project.name, str(context.project.root))
    strong = [one for one in keeper.fingerprints() if keeper.ask(one, strength_bits) >= WEAKEST_BITS]
    return [one for one in strong if not keeper.ask(one, public.__contains__)]


def texts_of(given: Mapping[str, Any]) -> dict[str, str | None]:
    """The texts among the options of a command that its entry will hold."""
    return {f"--{name.replace('_', '-')}": given.get(name) for name in _OPTIONS}


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

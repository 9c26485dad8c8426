"""What people wrote into the ledger, one line for each entry."""

from collections.abc import Callable, Mapping
from typing import Any

from audit_lib.base.in_words import instant_words
from audit_lib.ledger import Entry, read_ledger
from audit_lib.ledger.keys import key_of
from audit_lib.report import escape as inert
from audit_lib.settings import Project

_Said = Callable[[Mapping[str, Any]], str]


def _place(body: Mapping[str, Any]) -> str:
    return f"{body['secret']} in {body['environment']}/{body['service']}"


# The kinds that people write, and what each says; what is empty is left out.
SHOWN: Mapping[str, _Said] = {
    "rotation": lambda body: f"{_place(body)}, at {body['claimed_at']}",
    "revocation": lambda body: f"{_place(body)}, at {body['claimed_at']}",
    "removal": lambda body: f"{_place(body)}, searched {body['searched']}",
    "creation": lambda body: f"{_place(body)}, at {body['claimed_at']} by {body['witness']}",
    "decision": lambda body: " ".join(
        [
            f"{body['verdict']} {body['subject']}",
            *(f"{word} {body[name]}" for name, word in (("owner", "to"), ("until", "until")) if name in body),
        ]
    ),
    # Of ledgers before 0.3.0.
    "acceptance": lambda body: f"{body['id']} until {body['until']}",
    "assignment": lambda body: f"{body['id']} to {body['owner']}",
    "closure": lambda body: str(body["id"]),
    "attestation": lambda body: f"rule {body['rule']} until {body['until']}",
    "signoff": lambda body: str(body.get("folder", body["manifest_sha256"])),
}
_DETAILS = ("ticket", "reason", "proof")


def recorded(project: Project, about: str) -> tuple[list[str], list[str], int]:
    """A line for each entry that people wrote, or each about one id; the ledger's faults; other entries."""
    key = key_of(project)
    found = read_ledger(project.ledger_dir, None if key.origin == "throw-away" else key)
    faults = [inert.plain(f"{fault.place}: {fault.text}") for fault in found.faults]
    entries = [entry for entry in found.entries if entry.kind in SHOWN]
    subjects = ("id", "subject", "rule")
    wanted = [one for one in entries if about in ("", *(one.body.get(name) for name in subjects))]
    return [inert.plain(_line(one)) for one in wanted], faults, len(found.entries) - len(entries)


def _line(entry: Entry) -> str:
    details = [f"{name}: {entry.body[name]}" for name in _DETAILS if entry.body.get(name)]
    said = "; ".join([SHOWN[entry.kind](entry.body), f"by {entry.body.get('by', '')}".rstrip(), *details])
    return f"{instant_words(entry.at)}  {entry.kind}  {said}  ({entry.place})"

"""What people decided and answer for by name, until a date."""

from datetime import datetime
from typing import NamedTuple

from audit_lib.base.clock import LAST, parse_instant
from audit_lib.ledger.chain import Entry, Ledger

# Ledgers before 0.3.0 had a kind for each verdict, and other names for the fields.
_EARLIER = {"acceptance": "accept", "assignment": "assign", "closure": "close", "attestation": "attest"}
_NAMES = {"id": "subject", "rule": "subject", "due": "until", "proof": "reason"}


class Decision(NamedTuple):
    """One decision on a finding's id, or one answer to a question of the policy."""

    subject: str
    verdict: str  # accept | assign | close | attest | deny: the answer is no
    by: str
    reason: str  # of close: the proof
    until: datetime | None  # of assign: when it is due
    at: datetime
    place: str
    owner: str = ""  # of assign
    ticket: str = ""


def decisions(ledger: Ledger, *verdicts: str) -> tuple[Decision, ...]:
    """The decisions with these verdicts, or all, in order; also those of ledgers before 0.3.0."""
    made = map(_decision, ledger.of_kind("decision", *_EARLIER))
    return tuple(decision for decision in made if not verdicts or decision.verdict in verdicts)


def _decision(entry: Entry) -> Decision:
    body = entry.body | {new: entry.body[old] for old, new in _NAMES.items() if old in entry.body}
    verdict = "deny" if body.get("answer") == "no" else _EARLIER.get(entry.kind) or body["verdict"]
    until = parse_instant(min(body["until"], LAST), entry.place) if "until" in body else None
    facts = {name: body.get(name, "") for name in ("subject", "by", "reason", "owner", "ticket")}
    return Decision(verdict=verdict, until=until, at=entry.at, place=entry.place, **facts)

"""What people decided and answer for by name, until a date; and which values they recorded as revoked."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from audit_lib.base.clock import LAST, iso, parse_instant
from audit_lib.ledger.chain import Draft, Entry, Ledger
from audit_lib.ledger.timeline import SecretPlace

# The kinds of ledgers before 0.3.0: which verdict each was, and its fields by their present names.
_EARLIER = {
    "acceptance": ("accept", {"subject": "id"}),
    "assignment": ("assign", {"subject": "id", "until": "due"}),
    "closure": ("close", {"subject": "id", "reason": "proof"}),
    "attestation": ("attest", {"subject": "rule"}),
}


@dataclass(frozen=True)
class Decision:
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


def decision_draft(
    subject: str, verdict: str, by: str, reason: str, until: datetime | None = None, **more: str
) -> Draft:
    """The entry that records a decision; `more` is the owner and the ticket of an assignment."""
    optional = {"until": iso(until) if until else "", **more}
    body = {"subject": subject, "verdict": verdict, "by": by, "reason": reason}
    return Draft("decision", body | {name: text for name, text in optional.items() if text})


def _decision(entry: Entry) -> Decision:
    verdict, names = _EARLIER.get(entry.kind, ("", {}))
    body = {**entry.body, **{new: entry.body[old] for new, old in names.items() if old in entry.body}}
    facts = {name: body.get(name, "") for name in ("subject", "by", "reason", "owner", "ticket")}
    verdict = "deny" if body.get("answer") == "no" else verdict or body["verdict"]
    until = parse_instant(min(body["until"], LAST), entry.place) if "until" in body else None
    return Decision(verdict=verdict, until=until, at=entry.at, place=entry.place, **facts)


@dataclass(frozen=True)
class Revocation:
    """One record. That the value works no longer is what somebody says: no provider is asked."""

    home: SecretPlace
    fingerprint: str  # of the value that was revoked
    claimed_at: datetime  # of a day alone its first instant
    until: datetime  # the last instant that the claim allows
    recorded_at: datetime
    place: str
    by: str
    proof: str

    @property
    def said(self) -> str:
        """Who recorded it, and with what proof."""
        by = f"{self.place}, recorded {iso(self.recorded_at)} by {self.by or 'somebody'}"
        return f"{by}; proof: {self.proof or 'none given'}; the provider was not asked"


def revocations(ledger: Ledger) -> tuple[Revocation, ...]:
    """Every record of a revocation, in order of recording."""
    return tuple(map(_revocation, ledger.of_kind("revocation")))


def _revocation(entry: Entry) -> Revocation:
    body, at = entry.body, parse_instant(entry.body["claimed_at"], entry.place)
    until = at + timedelta(days=1, seconds=-1) if body["day_only"] else at
    facts = (at, until, entry.at, entry.place, body["by"], body["proof"])
    return Revocation(SecretPlace.named_in(body), body["fingerprint"], *facts)

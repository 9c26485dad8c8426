"""Which values somebody recorded as revoked at their provider: claims, each with the proof that was named."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from audit_lib.base.clock import iso, parse_instant
from audit_lib.ledger.read import Ledger
from audit_lib.ledger.tenures import SecretPlace


@dataclass(frozen=True)
class Revocation:
    """One record. That the value works no longer is what somebody says: no provider is asked."""

    home: SecretPlace
    fingerprint: str  # of the value that was revoked
    claimed_at: datetime  # of a day alone its first instant
    day_only: bool
    recorded_at: datetime
    place: str
    by: str
    proof: str

    @property
    def until(self) -> datetime:
        """The last instant that the claim allows."""
        return self.claimed_at + timedelta(days=1, seconds=-1) if self.day_only else self.claimed_at

    @property
    def when(self) -> str:
        """The claimed instant, or its day, in words."""
        return f"on {self.claimed_at:%Y-%m-%d}" if self.day_only else iso(self.claimed_at)

    @property
    def said(self) -> str:
        """Who recorded it, and with what proof."""
        by = f"{self.place}, recorded {iso(self.recorded_at)} by {self.by or 'somebody'}"
        return f"{by}; proof: {self.proof or 'none given'}; the provider was not asked"


def revocations(ledger: Ledger) -> tuple[Revocation, ...]:
    """Every record of a revocation, in order of recording."""
    return tuple(
        Revocation(
            SecretPlace.named_in(entry.body),
            entry.body["fingerprint"],
            parse_instant(entry.body["claimed_at"], entry.place),
            entry.body["day_only"],
            entry.at,
            entry.place,
            entry.body.get("by", ""),
            entry.body.get("proof", ""),
        )
        for entry in ledger.of_kind("revocation")
    )

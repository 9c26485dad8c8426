"""Questions that only people can answer are attested, answered no, expired or open."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit_lib.findings.ledger_tables import tabulate_attestations
from audit_lib.ledger import Entry, Ledger
from audit_lib.settings import Policy

AS_OF = datetime(2026, 9, 30, tzinfo=UTC)
ASKED = {"140": "Is the role limited?", "142": "Is 2FA on?", "144": "Are backups encrypted?"}


def _policy(attestations: object) -> Policy:
    return replace(Policy("shop", Path("shop.toml"), "0" * 64, ()), attestations=attestations)


def _answer(rule: str, until: str, **answer: str) -> Entry:
    body = {"rule": rule, "by": "R. Eviewer", "reason": "looked", "until": until, **answer}
    return Entry("alice", 1, AS_OF, "attestation", "0" * 8, "", "", "", body)


def test_an_answer_holds_until_its_date() -> None:
    """A question is attested until the date given, then expired; one that nobody answered is open."""
    ledger = Ledger((_answer("140", "2026-12-31T00:00:00Z"), _answer("142", "2026-09-29T00:00:00Z")))
    table = tabulate_attestations(_policy(ASKED), ledger, AS_OF)
    assert dict(zip(table["rule"], table["status"], strict=True)) == {
        "140": "attested",
        "142": "expired",
        "144": "open",
    }


@pytest.mark.parametrize(("until", "status"), [("2026-12-31", "answered no"), ("2026-09-29", "expired")])
def test_who_answers_no_says_that_a_rule_is_not_met(until: str, status: str) -> None:
    """A no is no confirmation; when it has run out, nothing is known any more."""
    ledger = Ledger((_answer("140", f"{until}T00:00:00Z", answer="no"),))
    assert tabulate_attestations(_policy(ASKED), ledger, AS_OF)["status"].iloc[0] == status


def test_an_answer_that_was_not_asked_for_is_kept() -> None:
    """What was attested beyond the policy's questions is listed, without a question."""
    ledger = Ledger((_answer("7", "2026-12-31T00:00:00Z"),))
    row = tabulate_attestations(_policy({}), ledger, AS_OF).iloc[0]
    assert (row["rule"], row["question"], row["status"]) == ("7", "", "attested")

"""Tables of the ledger that checks judge: faults of entries, decisions on findings, answers to questions."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd

from audit_lib.base.clock import ending_instant
from audit_lib.findings.contracts import Acceptances, Attestations, LedgerFaults
from audit_lib.findings.ownership import PREFIX
from audit_lib.ledger import Ledger
from audit_lib.settings import Policy

UNANSWERED = ("open", "expired")


def tabulate_ledger_faults(ledger: Ledger) -> pd.DataFrame:
    """`LedgerFaults`: what is wrong with the entries that are there, then what is gone."""
    return LedgerFaults.of(
        {"place": fault.place, "fault": fault.text, "lost": lost}
        for lost, several in ((False, ledger.faults), (True, ledger.lost))
        for fault in several
    )


def tabulate_acceptances(ledger: Ledger, ids: set[str], as_of: datetime) -> pd.DataFrame:
    """`Acceptances`: the last decision on each id, whether it holds and whether a finding has it."""
    last = {entry.body["id"]: entry.body for entry in ledger.of_kind("acceptance")}
    until = {id_: ending_instant(body["until"], "ledger") for id_, body in last.items()}
    return Acceptances.of(
        {
            "accepted_id": id_,
            "by": last[id_]["by"],
            "reason": last[id_]["reason"],
            "until_at": until[id_],
            "expired": until[id_] < as_of,
            "matches": id_ in ids,
        }
        for id_ in sorted(last)
    )


def questions_of(policy: Policy) -> dict[str, str]:
    """The question of each rule that only people can answer."""
    return dict(policy.attestations)


def tabulate_attestations(policy: Policy, ledger: Ledger, as_of: datetime) -> pd.DataFrame:
    """`Attestations`: each question of the policy, then what was attested without being asked.

    An answer that has run out leaves its question open again (docs/rules.md#attestations).
    `BadInput` as `questions_of` raises it.
    """
    questions = questions_of(policy)
    answers = {str(entry.body["rule"]): entry.body for entry in ledger.of_kind("attestation")}
    rows = []
    for rule in dict.fromkeys([*questions, *sorted(answers)]):
        answer = answers.get(rule)
        until = ending_instant(answer["until"], "ledger") if answer else None
        rows.append(
            {
                "rule": rule,
                "question": questions.get(rule) or _recertified(rule),
                "status": _status(answer, until, as_of),
                "by": answer["by"] if answer else "",
                "reason": answer["reason"] if answer else "",
                "until_at": until,
            }
        )
    return Attestations.of(rows)


def _status(answer: Mapping[str, Any] | None, until: datetime | None, as_of: datetime) -> str:
    if answer is None or until is None:
        return "open"
    if until < as_of:
        return "expired"
    return "answered no" if answer.get("answer") == "no" else "attested"


def _recertified(rule: str) -> str:
    """The question behind an answer of an owner; "" of any other that the policy does not ask."""
    secret = rule.removeprefix(PREFIX)
    return f"Is {secret} still needed, owned, and limited as the policy says?" if secret != rule else ""

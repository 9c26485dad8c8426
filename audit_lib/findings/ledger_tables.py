"""Tables of the ledger that checks judge: what is wrong with its entries, and the decisions on findings."""

from datetime import datetime

import pandas as pd

from audit_lib.base.clock import parse_instant
from audit_lib.base.contracts import Acceptances, LedgerFaults
from audit_lib.ledger import Ledger


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
    until = {id_: parse_instant(body["until"], "ledger") for id_, body in last.items()}
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

"""The precondition about messages of failed logins: one that does not count may be of a burst."""

import pandas as pd

from audit_lib.base.log_kinds import POSSIBLE
from audit_lib.logins.detections.callers import private_clients
from audit_lib.logins.detections.thresholds import DetectionPolicy, Rule
from audit_lib.logins.detections.told_failures import FAILED_LOGIN
from audit_lib.logins.detections.traffic import Traffic

POSSIBLE_LOGINS = "possible failed logins, in words that no format knows"


def certain_messages(traffic: Traffic, policy: DetectionPolicy, rule: Rule) -> str:
    """Each message that may tell of a failed login counts. A format with its time and address would tell."""
    told = traffic.counts[traffic.counts["status"].isna()]
    failed, possible = (told[told["kind"].eq(kind)] for kind in (FAILED_LOGIN, POSSIBLE))
    inside = {
        one for one, yes in private_clients(failed, policy).items() if yes and not policy.clients_declared
    }
    numbers = {
        "failed logins that messages report without a time of their own": int(failed["untimed"].sum()),
        "failed logins that messages report of private addresses, which may be a proxy's": _sum(
            failed[failed["client"].isin(inside)]
        ),
        POSSIBLE_LOGINS: _sum(possible),
    }
    return "; ".join(f"{text}: {number:,}" for text, number in numbers.items() if number)


def _sum(told: pd.DataFrame) -> int:
    return int(told["count"].sum())

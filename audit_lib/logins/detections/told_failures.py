"""Failed logins that a message alone tells, with a time and an address: no request shows them."""

import pandas as pd

from audit_lib.logins.detections.callers import private_clients
from audit_lib.logins.detections.thresholds import DetectionPolicy

FAILED_LOGIN = "login_failed"
# sshd writes it of each user that it does not have, and where only keys are allowed it writes nothing else.
UNKNOWN_USER = "ssh login of an unknown user"
# A server writes the refusal and the application its message within so many seconds: one login, told twice.
_SAME_LOGIN = 5


def told_failures(events: pd.DataFrame, refused: pd.DataFrame, rules: DetectionPolicy) -> pd.DataFrame:
    """Those of `events` that count beside the refused ones, both as `Traffic` has them.

    Source: docs/detections.md#terms.
    A private address may be a proxy's, so it counts only if the policy says that addresses are real.
    """
    said = pd.concat([events[events["kind"].eq(FAILED_LOGIN)], _unknown_users(events)])
    said = said[said["client"].ne("") & said["at"].notna()]
    if not rules.clients_declared:
        private = [client for client, inside in private_clients(said, rules).items() if inside]
        said = said[~said["client"].isin(private)]
    said = said[~said.index.isin(refused.index)].sort_values("seconds", kind="stable")
    answers = refused[["client", "seconds"]].assign(answered=refused["seconds"]).dropna()
    near = pd.merge_asof(
        said[["client", "seconds"]],
        answers.sort_values("seconds"),
        on="seconds",
        by="client",
        direction="nearest",
        tolerance=_SAME_LOGIN,
    )
    return said[near["answered"].isna().to_numpy()]


def _unknown_users(events: pd.DataFrame) -> pd.DataFrame:
    """The logins of unknown users beyond the failed logins of their address, log and minute.

    Where passwords are allowed, a failed login follows: the same one, told twice.
    """
    told = events[events["kind"].eq(FAILED_LOGIN) | events["message"].eq(UNKNOWN_USER)]
    unknown = told["message"].eq(UNKNOWN_USER)
    keys = [told["file"], told["client"], told["seconds"] // 60]
    failed = (~unknown).groupby(keys, dropna=False).transform("sum")
    return told[unknown & (told.groupby(["message", *keys], dropna=False).cumcount() >= failed)]

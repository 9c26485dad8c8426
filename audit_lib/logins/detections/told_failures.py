"""Failed logins that a message alone tells, with a time and an address: no request shows them."""

import pandas as pd

from audit_lib.logins.detections.callers import private_clients
from audit_lib.logins.detections.thresholds import DetectionPolicy

FAILED_LOGIN = "login_failed"
# A server of ssh writes the first of each user that it does not have, the next two of a session whose
# attempts all failed, the last when the client says so. Where only keys are allowed, no other line proves it.
PROVEN_BY_SSH = (
    "ssh login of an unknown user",
    "ssh login with too many attempts",
    "dropbear login with too many attempts",
    "ssh login that its client gave up",
)
# A server writes the refusal and the application its message within so many seconds: one login, told twice.
_SAME_LOGIN = 5


def told_failures(events: pd.DataFrame, refused: pd.DataFrame, rules: DetectionPolicy) -> pd.DataFrame:
    """Those of `events` that count beside the refused ones, both as `Traffic` has them.

    Source: docs/detections.md#terms.
    A private address may be a proxy's, so it counts only if the policy says that addresses are real.
    """
    said = pd.concat([events[events["kind"].eq(FAILED_LOGIN)], _told_by_ssh(events)])
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


def _told_by_ssh(events: pd.DataFrame) -> pd.DataFrame:
    """The logins that such lines prove, beyond the failed logins of their address, log and minute.

    Where passwords are allowed, each stands beside a failed login: the same one, told twice.
    """
    told = events[events["kind"].eq(FAILED_LOGIN) | events["message"].isin(PROVEN_BY_SSH)]
    proven = told["message"].isin(PROVEN_BY_SSH)
    keys = [told["file"], told["client"], told["seconds"] // 60]
    failed = (~proven).groupby(keys, dropna=False).transform("sum")
    return told[proven & (proven.groupby([proven, *keys], dropna=False).cumcount() >= failed)]

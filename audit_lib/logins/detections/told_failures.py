"""Failed logins that a message alone tells, with a time and an address: no request shows them."""

import pandas as pd

from audit_lib.logins.detections.callers import private_clients
from audit_lib.logins.detections.thresholds import DetectionPolicy

FAILED_LOGIN = "login_failed"
# A server writes the refusal and the application its message within so many seconds: one login, told twice.
_SAME_LOGIN = 5


def told_failures(events: pd.DataFrame, refused: pd.DataFrame, rules: DetectionPolicy) -> pd.DataFrame:
    """Those of `events` that count beside the refused ones, both of `Traffic` (docs/detections.md#terms).

    A private address may be a proxy's, so it counts only if the policy says that addresses are real.
    """
    said = events[events["kind"].eq(FAILED_LOGIN) & events["client"].ne("") & events["at"].notna()]
    if not rules.clients_declared:
        private = [client for client, inside in private_clients(said, rules).items() if inside]
        said = said[~said["client"].isin(private)]
    said = said[~said.index.isin(refused.index)].sort_values("seconds", kind="stable")
    answers = refused[["client", "seconds"]].assign(answered=refused["seconds"]).sort_values("seconds")
    near = pd.merge_asof(
        said[["client", "seconds"]],
        answers,
        on="seconds",
        by="client",
        direction="nearest",
        tolerance=_SAME_LOGIN,
    )
    return said[near["answered"].isna().to_numpy()]

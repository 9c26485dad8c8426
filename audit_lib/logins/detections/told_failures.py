"""Failed logins that a message alone tells, with a time and an address: no request shows them."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from audit_lib.base.log_kinds import DECLARED
from audit_lib.logins.detections.callers import private_clients
from audit_lib.logins.detections.thresholds import DetectionPolicy
from audit_lib.logs.logins import FAILED_LOGIN

# A server of ssh writes the first of each user that it does not have, the next two of a session whose
# attempts all failed, the fourth when the client says so, the last of PAM. Where only keys are allowed, no
# other line proves it.
PROVEN_BY_SSH = (
    "ssh login of an unknown user",
    "ssh login with too many attempts",
    "dropbear login with too many attempts",
    "ssh login that its client gave up",
    "pam failure that sshd says, too",
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
    return said[~_is_near(said, refused, "client")]


def told_once(failed: pd.DataFrame) -> pd.DataFrame:
    """Failed logins, as `Traffic` has events, without declared messages of those that an answer shows."""
    said = failed["kind"].eq(DECLARED) & failed["status"].isna() & failed["seconds"].notna()
    told = failed[said].sort_values("seconds", kind="stable")
    answers = failed[failed["status"].notna()]
    named = told["client"].ne("")
    parts = (told[named], "client"), (told[~named], None)
    repeated = [place for part, key in parts for place in part.index[_is_near(part, answers, key)]]
    return failed[~failed.index.isin(repeated)]


def _is_near(said: pd.DataFrame, refused: pd.DataFrame, key: str | None) -> npt.NDArray[np.bool_]:
    """Which messages, in the order of time, stand near a refusal, of the same client if that is the key."""
    answers = refused[["client", "seconds"]].assign(answered=refused["seconds"]).dropna()
    near = pd.merge_asof(
        said[["client", "seconds"]] if key else said[["seconds"]],
        answers.sort_values("seconds") if key else answers[["seconds", "answered"]].sort_values("seconds"),
        on="seconds",
        by=key,
        direction="nearest",
        tolerance=_SAME_LOGIN,
    )
    return near["answered"].notna().to_numpy()


def _told_by_ssh(events: pd.DataFrame) -> pd.DataFrame:
    """The logins that such lines prove, beyond the failed logins of their address, log and minute.

    Where passwords are allowed, each stands beside a failed login: the same one, told twice.
    """
    told = events[events["kind"].eq(FAILED_LOGIN) | events["message"].isin(PROVEN_BY_SSH)]
    proven = told["message"].isin(PROVEN_BY_SSH)
    keys = [told["file"], told["client"], told["seconds"] // 60]
    failed = (~proven).groupby(keys, dropna=False).transform("sum")
    return told[proven & (proven.groupby([proven, *keys], dropna=False).cumcount() >= failed)]

"""In which order to clean up what leaked: rotate first, then remove, purge last, then tell people."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from audit_lib.base.in_words import counted
from audit_lib.leaks.contracts import CleanUp
from audit_lib.leaks.purge import IN_HISTORY
from audit_lib.leaks.urgency import SECRETS

_PURGE = (
    "clones and forks that exist, the host's caches and pull request refs, build logs, backups and mails "
    "keep it; only the rotation ends the exposure"
)
_STAYS = {
    "log": "copies that were shipped, archived or pasted into tickets keep it",
    "bundle": "browsers, caches and content networks keep what they were served",
    "notebook": "copies that were sent or rendered keep it",
}
_NAMED = 5  # paths of the purge


def clean_up(leaks: pd.DataFrame, places: pd.DataFrame, exposure: pd.DataFrame) -> pd.DataFrame:
    """`CleanUp`: rotate what may be in force, take it out of what is in use, then purge once, then tell."""
    steps: list[dict[str, Any]] = []
    real = leaks[leaks["kind"].isin(SECRETS)]
    by_status = exposure.groupby("leak_id")["status"].agg(set).to_dict() if len(exposure) else {}
    for status in ("emergency", "unknown"):
        for leak in real.itertuples():
            statuses = by_status.get(leak.leak_id, set())
            if status in statuses and (status == "emergency" or "emergency" not in statuses):
                steps.append(_rotate(leak, status, exposure))
    steps += [step for leak in real.itertuples() for step in _removals(leak, places)]
    history = places[places["leak_id"].isin(real["leak_id"]) & places["place"].isin(IN_HISTORY)]
    if len(history):
        paths = sorted(set(history["path"]) - {""})
        more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
        where = f": {', '.join(paths[:_NAMED])}{more}" if paths else ""
        text = (
            "purge all of them from the history at once (git filter-repo), then force-push and re-clone; "
            f"`runbook NAME --compromised` has the commands{where}"
        )
        steps.append(_step("", "", "purge", text, _PURGE))
        steps.append(
            _step("", "", "tell", "ask everyone with a clone or fork to delete it and clone anew", "")
        )
    return CleanUp.of({"step": number} | step for number, step in enumerate(steps, 1))


def _rotate(leak: Any, status: str, exposure: pd.DataFrame) -> dict[str, Any]:
    """Under whatever names its value is in force: all of them take the new one."""
    mine = exposure[(exposure["leak_id"] == leak.leak_id) & (exposure["status"] == status)]
    homes = sorted(
        {f"{row.secret} in {row.environment}/{row.service}" for row in mine.itertuples() if row.service}
    )
    force = f"it is in force as {', '.join(homes)}" if homes else "it is in force"
    what = {"emergency": force, "unknown": "it may be in force: find out, or rotate"}[status]
    text = f"make a new value, deploy it, revoke the old one at its provider: {what}"
    return _step(leak.leak_id, leak.variable, "rotate", text, "what was done with it before")


def _removals(leak: Any, places: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """What still holds it outside the history: a file at HEAD or on disk, a log, a bundle, a notebook."""
    mine = places[places["leak_id"] == leak.leak_id]
    for place in ("working tree", "notebook", "bundle", "log"):
        there = mine[mine["place"] == place]
        if len(there):
            action = "replace" if place in ("working tree", "notebook") else "remove"
            text = f"{action} it in {counted(len(there), 'place')} ({place}), first {there.iloc[0]['path']}"
            yield _step(
                leak.leak_id, leak.variable, action, text, _STAYS.get(place, "the history still holds it")
            )


def _step(leak: str, secret: str, action: str, text: str, not_undone: str) -> dict[str, Any]:
    return {"leak_id": leak, "secret": secret, "action": action, "text": text, "not_undone": not_undone}

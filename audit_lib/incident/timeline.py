"""What happened in a window, in order: each thing with its evidence, untimed ones between bounds."""

from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.base.log_kinds import BOOT, DECLARED, SHOWING_VALUES
from audit_lib.incident.contracts import Timeline
from audit_lib.incident.investigation import Investigation
from audit_lib.ledger.decisions import Revocation
from audit_lib.ledger.timeline import Tenure
from audit_lib.logins.requests import Window, maybe_within, succeeded

# A silence is shown if a file is quiet for a day or more, and much longer than usual.
QUIET, UNUSUAL = pd.Timedelta(days=1), 4
AROUND = pd.Timedelta(days=14)  # what a file is used to is learnt from so much on either side
_MESSAGES = {
    "login_failed": "failed logins",
    "database_failure": "database failure",
    "secret_validation_failed": "failed start",
    "startup_failed": "failed start",
}
_COUNTED = {"refused": "refused", "answered": "answered on protected routes", "requests": "requests"}


def tabulate_timeline(investigation: Investigation) -> pd.DataFrame:
    """`Timeline` of the window. Requests are grouped by class of address and minute, hour or day."""
    return investigation.of_window("timeline", lambda: _timeline(investigation))


def _timeline(investigation: Investigation) -> pd.DataFrame:
    told = [
        *_traffic(investigation),
        *_messages(investigation.said, investigation.window),
        *changes(investigation.tenures),
        *_revoked(investigation.revocations),
        *_commits(investigation.history),
        *_deploys(investigation.deploys),
        *_leaks(investigation.leaks),
        *_gaps(investigation),
    ]
    frame = Timeline.shaped(told)
    return _in_order(frame[maybe_within(frame, investigation.window)])


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    order = ["not_before_at", "not_after_at", "kind", "subject", "text", "evidence"]
    return Timeline.checked(frame.sort_values(order, kind="stable", na_position="first"))


def bucket(window: Window) -> str:
    """The width by which requests are grouped: some 300 columns at most."""
    length = pd.Timestamp(window.until) - pd.Timestamp(window.since)
    return "min" if length <= pd.Timedelta(hours=5) else "h" if length <= pd.Timedelta(days=12) else "D"


def _row(kind: str, bounds: tuple[Any, Any], subject: str, text: str, evidence: str) -> dict[str, Any]:
    low, high = bounds
    return {
        "kind": kind,
        "subject": subject,
        "count": 1,
        "text": text,
        "evidence": evidence,
        "at": low if low is not None and low == high else None,
        "not_before_at": low,
        "not_after_at": high,
    }


def _traffic(investigation: Investigation) -> Iterator[dict[str, Any]]:
    """What was refused, and answered on protected routes, by class of address and time."""
    said = investigation.said
    declared = said["kind"].eq(DECLARED).astype(bool)
    refused = said[said["status"].isin(investigation.rules.refused_statuses) | declared]
    refused = refused.assign(timed=refused["at"].notna(), count=1)
    yield from _groups("refused", refused, investigation)
    yield from _groups("answered", investigation.here[succeeded(investigation.here)], investigation)


def _groups(kind: str, here: pd.DataFrame, investigation: Investigation) -> Iterator[dict[str, Any]]:
    classes = dict(zip(investigation.clients["client"], investigation.clients["classification"], strict=True))
    slot = here["not_before_at"].dt.floor(bucket(investigation.window))
    here = here.assign(subject=here["client"].map(classes).astype("str"), slot=slot)
    keys = ["slot", "timed", "subject", "file"]
    groups = here.groupby(keys, dropna=False, observed=True)
    sums = groups.agg(
        low=("not_before_at", "min"),
        high=("not_after_at", "max"),
        count=("count", "sum"),
        line=("line", "min"),
    )
    names = here[[*keys, "client"]].drop_duplicates().astype({"client": "str"}).sort_values("client")
    by_group = names.groupby(keys, dropna=False, observed=True)["client"]
    few = by_group.head(3).groupby([names[key] for key in keys], dropna=False, observed=True)
    sums = sums.assign(clients=by_group.size(), names=few.agg(", ".join))
    for (_, timed, subject, file), group in zip(sums.index, rows(sums), strict=True):
        text = f"{_COUNTED[kind]}: {group.count} from {group.clients} ({group.names})"
        row = _row(kind, (group.low, group.high), str(subject), text, f"{file}:{group.line}")
        yield row | {"at": group.low if timed else None, "count": int(group.count)}


def _messages(here: pd.DataFrame, window: Window) -> Iterator[dict[str, Any]]:
    """What the application said: failed logins by time, all others one by one."""
    failed = here[here["kind"] == "login_failed"]
    slots = failed["not_before_at"].dt.floor(bucket(window)).rename("slot")
    groups = failed.groupby(["file", slots], dropna=False, observed=True)
    sums = groups.agg(
        low=("not_before_at", "min"),
        high=("not_after_at", "max"),
        count=("line", "size"),
        line=("line", "first"),
        accounts=("subject", "nunique"),
    )
    for (file, _), group in zip(sums.index, rows(sums), strict=True):
        text = f"failed logins: {group.count} of {group.accounts} accounts"
        row = _row("failed logins", (group.low, group.high), "application", text, f"{file}:{group.line}")
        yield row | {"at": group.low, "count": int(group.count)}
    kinds = _MESSAGES.keys() - {"login_failed"}
    told = here["message"].isin((BOOT, *SHOWING_VALUES)) | here["kind"].isin(kinds)
    for event in rows(here[told]):
        place = f"{event.file}:{event.line}"
        bounds = (event.not_before_at, event.not_after_at)
        if event.message == BOOT:
            yield _row("boot", bounds, event.file, "started; all required secrets are set", place)
        elif event.message in SHOWING_VALUES:
            shown = f"shown in a log line: {event.message}"
            yield _row("leak", bounds, event.subject or "a value", shown, place)
        else:
            text = event.message or event.kind.replace("_", " ")
            yield _row(_MESSAGES[event.kind], bounds, event.subject or "application", text, place)


def changes(stays: Iterable[Tenure]) -> Iterator[dict[str, Any]]:
    """Each change of a value that the ledger shows, between the looks that bound it."""
    for stay in stays:
        if stay.absent is None:
            continue
        by = f"recorded in {stay.claim.place}" if stay.claim else "not recorded"
        evidence = f"{stay.absent.place}; {stay.first.place}"
        what = "first value" if stay.absent.fingerprint is None else "another value"
        subject = str(stay.home)
        yield _row("change", (stay.absent.at, stay.first.at), subject, f"{what}; {by}", evidence)


def _revoked(revocations: Iterable[Revocation]) -> Iterator[dict[str, Any]]:
    """Each value that somebody says to have been revoked."""
    for one in revocations:
        bounds = (pd.Timestamp(one.claimed_at), pd.Timestamp(one.until))
        yield _row("change", bounds, str(one.home), f"recorded as revoked by {one.by}", one.place)


def first_start(events: pd.DataFrame, since: Any) -> Any:
    """The first start in the logs from an instant on (`at`, `file`, `line`); None for none."""
    boots = events.loc[events["message"] == BOOT, ["at", "file", "line"]].dropna()
    after = boots[boots["at"] >= since].sort_values(["at", "file", "line"])
    return None if after.empty else after.iloc[0]


def _commits(history: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Commits that brought values into env files: each is a leak of them, and may be a deploy."""
    for (file, commit), group in history.groupby(["file", "commit"]):
        names = sorted(set(group["name"]))
        text = f"committed {len(names)} values: {', '.join(names[:4])}{', …' if len(names) > 4 else ''}"
        at = group["committed_at"].iloc[0]
        place = f"commit {str(commit)[:12]}"
        yield _row("commit", (at, at), str(file), text, place) | {"count": len(names)}


def _deploys(deploys: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Each deploy of the platform's lists, between its beginning and its end."""
    for deploy in rows(deploys):
        words = [
            f"{deploy.outcome} ({deploy.status})" if deploy.status else "outcome not listed",
            f"commit {deploy.commit[:12]}" if deploy.commit else "",
            deploy.message,
            f"set off by {deploy.trigger}" if deploy.trigger else "",
        ]
        place = "/".join(filter(None, (deploy.environment, deploy.service))) or deploy.file
        row = _row("deploy", (deploy.began_at, deploy.ended_at), place, "; ".join(filter(None, words)), "")
        yield row | {"at": deploy.began_at, "evidence": deploy.evidence}


def _leaks(leaks: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for leak in rows(leaks[leaks["first_at"].notna()]):
        force = f"in force in {leak.in_force}" if leak.in_force else "not in force"
        place = f"commit {leak.first_commit[:12]}" if leak.first_commit else "a log"
        yield _row("leak", (leak.first_at, leak.first_at), leak.variable, f"first seen; {force}", place)


def tabulate_lane(investigation: Investigation, client: str) -> pd.DataFrame:
    """The requests of one address as rows like `Timeline`'s, by time."""
    mine = investigation.here[investigation.here["client"] == client]
    told = [row | {"kind": "this address"} for row in _groups("requests", mine, investigation)]
    return Timeline.shaped(told)


def _gaps(investigation: Investigation) -> Iterator[dict[str, Any]]:
    """Silences of a file, much longer than its usual ones: nothing was written, or it was not kept."""
    near = investigation.written["at"].between(
        investigation.window.since - AROUND, investigation.window.until + AROUND
    )
    for file, group in investigation.written[near].groupby("file"):
        at, line = group["at"].reset_index(drop=True), group["line"].to_numpy()
        spans = at.diff()
        long = spans[spans > QUIET]
        usual = spans.quantile(0.9) if len(long) else QUIET
        for index in long.index[long > UNUSUAL * usual]:
            hours = spans[index] / pd.Timedelta(hours=1)
            text = f"no line with a time for {hours:.0f} hours"
            yield _row("log gap", (at[index - 1], at[index]), str(file), text, f"{file}:{line[index]}")

"""What happened in a window, in order: each thing with its evidence, untimed ones between bounds."""

from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd

from audit_lib.contracts import Timeline, rows
from audit_lib.ledger.tenures import Tenure
from audit_lib.tables.requests import REFUSED, Window, bounded, maybe_within
from audit_lib.tables.scene import Scene

BOOT = "secrets valid"
# A silence is told where a file is quiet for a day or more, and much longer than it is used to.
QUIET, UNUSUAL = pd.Timedelta(days=1), 4
AROUND = pd.Timedelta(days=14)  # what a file is used to is learnt from so much on either side
_MESSAGES = {
    "login_failed": "failed logins",
    "database_failure": "database failure",
    "secret_validation_failed": "failed start",
    "startup_failed": "failed start",
}
_SHOWN = ("secret in a url", "value in a validation error")
_COUNTED = {"failures": "401 or 403", "successes": "2xx on protected routes"}


def tabulate_timeline(scene: Scene) -> pd.DataFrame:
    """`Timeline` of a window. Requests are grouped by source class and minute, hour or day."""
    told = [
        *_traffic(scene),
        *_messages(bounded(scene.events), scene.window),
        *changes(scene.stays),
        *_commits(scene.history),
        *_leaks(scene.leaks),
        *_gaps(scene),
    ]
    frame = Timeline.of(told)
    frame = frame[maybe_within(frame, scene.window)]
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


def _traffic(scene: Scene) -> Iterator[dict[str, Any]]:
    """Failures, and successes on protected routes, by source class and time."""
    classes = dict(zip(scene.clients["client"], scene.clients["classification"], strict=True))
    good = scene.here["status"].between(200, 299) & scene.here["protected"]
    refused = bounded(scene.events[scene.events["status"].isin(REFUSED)])
    refused = refused.assign(timed=refused["at"].notna(), count=1)
    for kind, frame in (("failures", refused), ("successes", scene.here[good])):
        here = frame[maybe_within(frame, scene.window)]
        slot = here["not_before_at"].dt.floor(bucket(scene.window))
        groups = here.assign(subject=here["client"].map(classes), slot=slot).groupby(
            ["slot", "timed", "subject", "source"], dropna=False, sort=True
        )
        for (_, timed, subject, source), group in groups:
            low, high = group["not_before_at"].min(), group["not_after_at"].max()
            names = ", ".join(sorted(set(group["client"]))[:3])
            total = int(group["count"].sum())
            text = f"{_COUNTED[kind]}: {total} from {group['client'].nunique()} ({names})"
            place = f"{source}:{group['line'].min()}" if "line" in group else str(source)
            row = _row(kind, (low, high), str(subject), text, place)
            yield row | {"at": low if timed else None, "count": total}


def _messages(events: pd.DataFrame, window: Window) -> Iterator[dict[str, Any]]:
    """What the application said: failed logins by time, all others one by one."""
    here = events[maybe_within(events, window)]
    failed = here[here["kind"] == "login_failed"]
    slots = failed["not_before_at"].dt.floor(bucket(window))
    for _, group in failed.groupby(["source", slots], dropna=False):
        first = group.iloc[0]
        text = f"failed logins: {len(group)} of {group['subject'].nunique()} accounts"
        low, high = group["not_before_at"].min(), group["not_after_at"].max()
        place = f"{first['source']}:{first['line']}"
        yield _row("failed logins", (low, high), "application", text, place) | {
            "at": low,
            "count": len(group),
        }
    for event in rows(here):
        place = f"{event.source}:{event.line}"
        bounds = (event.not_before_at, event.not_after_at)
        if event.message == BOOT:
            yield _row("boot", bounds, event.source, "started; all required secrets were there", place)
        elif event.message in _SHOWN:
            yield _row(
                "leak", bounds, event.subject or "a value", f"a log line shows it: {event.message}", place
            )
        elif event.kind in _MESSAGES and event.kind != "login_failed":
            kind = _MESSAGES[event.kind]
            text = event.message or event.kind.replace("_", " ")
            yield _row(kind, bounds, event.subject or "application", text, place)


def changes(stays: Iterable[Tenure]) -> Iterator[dict[str, Any]]:
    """Each change of a value that the ledger shows, between the looks that bound it."""
    for stay in stays:
        if stay.absent is None:
            continue
        by = f"recorded in {stay.claim.place}" if stay.claim else "nobody recorded it"
        evidence = f"{stay.absent.place}; {stay.first.place}"
        what = "first value" if stay.absent.fingerprint is None else "another value"
        subject = str(stay.home)
        yield _row("change", (stay.absent.at, stay.first.at), subject, f"{what}; {by}", evidence)


def _commits(history: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Commits that brought values into env files: each is a leak of them, and may be a deploy."""
    for (source, commit), group in history.groupby(["source", "commit"]):
        names = sorted(set(group["name"]))
        text = f"committed {len(names)} values: {', '.join(names[:4])}{', …' if len(names) > 4 else ''}"
        at = group["committed_at"].iloc[0]
        place = f"commit {str(commit)[:12]}"
        yield _row("commit", (at, at), str(source), text, place) | {"count": len(names)}


def _leaks(leaks: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for leak in rows(leaks[leaks["first_at"].notna()]):
        force = f"in force in {leak.in_force}" if leak.in_force else "in force nowhere"
        place = f"commit {leak.first_commit[:12]}"
        yield _row("leak", (leak.first_at, leak.first_at), leak.variable, f"first seen; {force}", place)


def _gaps(scene: Scene) -> Iterator[dict[str, Any]]:
    """Silences of a file, much longer than its usual ones: nothing was written, or it was not kept."""
    near = Window(scene.window.since - AROUND, scene.window.until + AROUND)
    requests = scene.requests[scene.requests["timed"] & maybe_within(scene.requests, near)]
    timed = requests[["source", "not_before_at"]].set_axis(["source", "at"], axis=1)
    said = scene.events.loc[scene.events["at"].notna(), ["source", "at"]]
    instants = pd.concat([timed, said]).drop_duplicates()
    for source, group in instants.groupby("source"):
        at = group["at"].drop_duplicates().sort_values().reset_index(drop=True)
        spans = at.diff()
        usual = spans[spans > pd.Timedelta(0)].quantile(0.9)
        for index in spans[(spans > QUIET) & (spans > UNUSUAL * usual)].index:
            hours = spans[index] / pd.Timedelta(hours=1)
            text = f"no line with a time for {hours:.0f} hours"
            yield _row("log gap", (at[index - 1], at[index]), str(source), text, str(source))

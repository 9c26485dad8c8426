"""What happened in a window, in order: each thing with its evidence, what has no time between its bounds."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.base.log_kinds import BOOT, DECLARED, SHOWING_VALUES
from audit_lib.incident.case import Case
from audit_lib.incident.contracts import Timeline
from audit_lib.ledger.decisions import revocations
from audit_lib.logins.parameters import DETECTIONS
from audit_lib.logins.requests import maybe_within, succeeded
from audit_lib.logs.logins import FAILED_LOGIN

_MESSAGES = {
    "database_failure": "database failure",
    "secret_validation_failed": "failed start",
    "startup_failed": "failed start",
}
Row = dict[str, Any]


def tabulate_timeline(case: Case) -> pd.DataFrame:
    """`Timeline` of the window. Requests and failed logins are summed by class of address and minute."""
    parts = (_requests, _messages, _detected, _changes, _revoked, _commits, _deploys, _leaks)
    frame = Timeline.shaped(row for part in parts for row in part(case))
    order = ["not_before_at", "not_after_at", "kind", "subject", "text", "evidence"]
    here = frame[maybe_within(frame, case.window)]
    return Timeline.checked(here.sort_values(order, kind="stable", na_position="first"))


def _row(kind: str, bounds: tuple[Any, Any], subject: str, text: str, evidence: str) -> Row:
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


def _requests(case: Case) -> Iterator[Row]:
    """What was refused, answered on protected routes, or told to be a failed login."""
    said = case.said.assign(timed=case.said["at"].notna(), count=1)
    declared = said["kind"].eq(DECLARED).astype(bool)
    refused = said[said["status"].isin((401, 403, *case.rules.failed_statuses)) | declared]
    yield from _sums("refused", refused, case)
    yield from _sums("answered", case.here[succeeded(case.here)], case)
    yield from _sums("failed logins", said[said["kind"].eq(FAILED_LOGIN)], case)


def _sums(kind: str, here: pd.DataFrame, case: Case) -> Iterator[Row]:
    classes = dict(zip(case.clients["client"], case.clients["classification"], strict=True))
    clients = here["client"].astype("str")
    here = here.assign(
        client=clients,
        subject=clients.map(classes).fillna("not in a request"),
        minute=here["not_before_at"].dt.floor("min"),
    )
    for (_, timed, subject, file), group in here.groupby(
        ["minute", "timed", "subject", "file"], dropna=False, observed=True
    ):
        names = sorted(set(group["client"]) - {""})
        text = f"{group['count'].sum()} from {len(names)} addresses ({', '.join(names[:3])})"
        low, high = group["not_before_at"].min(), group["not_after_at"].max()
        row = _row(kind, (low, high), str(subject), text, f"{file}:{group['line'].min()}")
        yield row | {"at": low if timed else None, "count": int(group["count"].sum())}


def _messages(case: Case) -> Iterator[Row]:
    said = case.said
    told = said["message"].isin((BOOT, *SHOWING_VALUES)) | said["kind"].isin(_MESSAGES)
    for event in rows(said[told]):
        place, text = f"{event.file}:{event.line}", event.message or event.kind.replace("_", " ")
        bounds = (event.not_before_at, event.not_after_at)
        if event.message == BOOT:
            yield _row("boot", bounds, event.file, "started; all required secrets are set", place)
        elif event.message in SHOWING_VALUES:
            yield _row("leak", bounds, event.subject or "a value", f"a log line shows it: {text}", place)
        else:
            yield _row(_MESSAGES[event.kind], bounds, event.subject or "application", text, place)


def _detected(case: Case) -> Iterator[Row]:
    for name in DETECTIONS:
        for one in case.found(name):
            whose = f"{one.client or one.subject}: " if one.client or one.subject else ""
            evidence = one.evidence[0] if one.evidence else ""
            row = _row(
                "detected", (one.first_at, one.last_at), name, f"{whose}{one.classification}", evidence
            )
            yield row | {"count": one.count}


def _changes(case: Case) -> Iterator[Row]:
    """Each change of a value that the ledger shows, between the observations that bound it."""
    for stay in case.tenures:
        if stay.absent is not None:
            what = "first value" if stay.absent.fingerprint is None else "another value"
            by = f"recorded in {stay.claim.place}" if stay.claim else "not recorded"
            evidence = f"{stay.absent.place}; {stay.first.place}"
            yield _row("change", (stay.absent.at, stay.first.at), str(stay.home), f"{what}; {by}", evidence)


def _revoked(case: Case) -> Iterator[Row]:
    for one in revocations(case.read.ledger):
        yield _row("change", (one.claimed_at, one.until), str(one.home), f"revoked, says {one.by}", one.place)


def _commits(case: Case) -> Iterator[Row]:
    """Commits that brought values into env files: each is a leak of them."""
    for (file, commit), group in case.read.history.groupby(["file", "commit"]):
        names = sorted(set(group["name"]))
        text = f"committed {len(names)} values: {', '.join(names[:4])}{', …' if len(names) > 4 else ''}"
        at = group["committed_at"].iloc[0]
        yield _row("commit", (at, at), str(file), text, f"commit {str(commit)[:12]}") | {"count": len(names)}


def _deploys(case: Case) -> Iterator[Row]:
    for one in rows(case.read.deploys):
        outcome = f"{one.outcome} ({one.status})" if one.status else "outcome not listed"
        cause = f"set off by {one.trigger}" if one.trigger else ""
        words = (outcome, f"commit {one.commit[:12]}" if one.commit else "", one.message, cause)
        place = "/".join(filter(None, (one.environment, one.service))) or one.file
        text = "; ".join(filter(None, words))
        yield _row("deploy", (one.began_at, one.ended_at), place, text, one.evidence) | {"at": one.began_at}


def _leaks(case: Case) -> Iterator[Row]:
    leaks = case.leaked.leaks
    for one in rows(leaks[leaks["first_at"].notna()]):
        force = f"in force in {one.in_force}" if one.in_force else "not in force"
        place = f"commit {one.first_commit[:12]}" if one.first_commit else "a log"
        yield _row("leak", (one.first_at, one.first_at), one.variable, f"first seen; {force}", place)

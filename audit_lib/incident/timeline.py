"""What happened in a window, in order: each thing with its evidence, what has no time between its bounds."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted
from audit_lib.incident.case import Case
from audit_lib.incident.contracts import Timeline
from audit_lib.logins.traffic import succeeded, within
from audit_lib.logs.formats import BOOT, SHOWING_VALUES
from audit_lib.logs.logins import FAILED_LOGIN
from audit_lib.rotation.rotations import revocations

_MESSAGES = {
    "database_failure": "database failure",
    "secret_validation_failed": "failed start",
    "startup_failed": "failed start",
}


class Entry(NamedTuple):
    """One thing that happened, at an instant or between its bounds."""

    kind: str
    not_before_at: Any
    not_after_at: Any
    subject: str
    text: str
    evidence: str
    occurrences: int = 1


def tabulate_timeline(case: Case) -> pd.DataFrame:
    """`Timeline` of the window. Requests and failed logins are summed by class of address and minute."""
    parts = (_requests, _messages, _detected, _ledger, _deploys, _leaks)
    frame = pd.DataFrame([one for part in parts for one in part(case)], columns=list(Entry._fields))
    low, high = (pd.to_datetime(frame[name], utc=True) for name in ("not_before_at", "not_after_at"))
    instant = frame["kind"].eq("deploy") | low.eq(high) | (high - low).lt(pd.Timedelta(minutes=1))
    frame = frame.assign(
        not_before_at=low, not_after_at=high, at=low.where(instant), count=frame["occurrences"]
    )
    order = ["not_before_at", "not_after_at", "kind", "subject", "text", "evidence"]
    here = within(frame, case.window).sort_values(order, kind="stable", na_position="first")
    return Timeline.checked(here[list(Timeline.columns())])


def _requests(case: Case) -> Iterator[Entry]:
    """What was refused, answered on protected routes, or said to be a failed login."""
    here, said = case.here, case.said.assign(count=1)
    parts = {"refused": here[here["refused"]], "answered": here[succeeded(here)]}
    parts["failed logins"] = said[said["kind"].eq(FAILED_LOGIN)]
    classes = case.clients.set_index("client")["classification"]
    for kind, part in parts.items():
        minute, whose = part["not_before_at"].dt.floor("min"), part["client"].map(classes)
        keys = [minute, whose.fillna("not in a request"), part["file"]]
        for (_, subject, file), group in part.groupby(keys, dropna=False):
            names, count = sorted(set(group["client"]) - {""}), int(group["count"].sum())
            text = f"{count} from {counted(len(names), 'address', 'addresses')} ({', '.join(names[:3])})"
            bounds = group["not_before_at"].min(), group["not_after_at"].max()
            yield Entry(kind, *bounds, str(subject), text, f"{file}:{group['line'].min()}", count)


def _messages(case: Case) -> Iterator[Entry]:
    said = case.said
    told = said["message"].isin((BOOT, *SHOWING_VALUES)) | said["kind"].isin(_MESSAGES)
    for one in rows(said[told]):
        text, subject = one.message or one.kind.replace("_", " "), one.subject or "application"
        shown = "leak" if one.message in SHOWING_VALUES else _MESSAGES.get(one.kind, "boot")
        yield Entry(shown, one.not_before_at, one.not_after_at, subject, text, f"{one.file}:{one.line}")


def _detected(case: Case) -> Iterator[Entry]:
    for name in case.verdicts:
        for one in case.found(name):
            text = ": ".join(filter(None, (one.client or one.subject, one.classification)))
            yield Entry(
                "detected", one.first_at, one.last_at, name, text, "; ".join(one.evidence[:1]), one.count
            )


def _ledger(case: Case) -> Iterator[Entry]:
    """Each change of a value, between the observations that bound it, and each record of a revocation."""
    for stay in case.tenures:
        if stay.absent is not None:
            by = f"recorded in {stay.claim.place}" if stay.claim else "not recorded"
            text = f"{'first' if stay.absent.fingerprint is None else 'another'} value; {by}"
            places = f"{stay.absent.place}; {stay.first.place}"
            yield Entry("change", stay.absent.at, stay.first.at, str(stay.home), text, places)
    for one in revocations(case.read.ledger):
        yield Entry("change", one.claimed_at, one.until, str(one.home), f"revoked, says {one.by}", one.place)


def _deploys(case: Case) -> Iterator[Entry]:
    for one in rows(case.read.deploys):
        outcome = f"{one.outcome} ({one.status})" if one.status else "outcome not listed"
        cause = f"set off by {one.trigger}" if one.trigger else ""
        words = (outcome, f"commit {one.commit[:12]}" if one.commit else "", one.message, cause)
        place = "/".join(filter(None, (one.environment, one.service))) or one.file
        yield Entry("deploy", one.began_at, one.ended_at, place, "; ".join(filter(None, words)), one.evidence)


def _leaks(case: Case) -> Iterator[Entry]:
    leaks = case.leaked.leaks
    for one in rows(leaks[leaks["first_at"].notna()]):
        force = f"in force in {one.in_force}" if one.in_force else "not in force"
        place = f"commit {one.first_commit[:12]}" if one.first_commit else "a log"
        yield Entry("leak", one.first_at, one.first_at, one.variable, f"first seen; {force}", place)

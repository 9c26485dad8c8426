"""What happened in a window, in order: each thing with its evidence, what has no time between its bounds."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from audit_lib.base.frames import Contract, Field, Instant, Series, rows
from audit_lib.base.in_words import counted
from audit_lib.incident.case import Case
from audit_lib.logins.traffic import FAILED_STARTS, within
from audit_lib.logs.formats import BOOT, SHOWING_VALUES
from audit_lib.logs.logins import FAILED_LOGIN
from audit_lib.rotation.rotations import revocations

_MESSAGES = {"database_failure": "database failure", **dict.fromkeys(FAILED_STARTS, "failed start")}
TIMELINE_KINDS = (
    "refused", "answered", "failed logins", "detected", "change", "deploy", "boot",
    "failed start", "leak", "database failure",
)  # fmt: skip
Entry = tuple[str, Any, Any, str, str, str, int]  # kind, bounds in UTC, subject, text, evidence, count


class Timeline(Contract):
    """One row for each thing that happened in the window; one without a time lies between its bounds."""

    at: Series[Instant] = Field(nullable=True)  # the instant, or a group's first; null: bounds only
    not_before_at: Series[Instant] = Field(nullable=True)
    not_after_at: Series[Instant] = Field(nullable=True)
    kind: Series[str] = Field(isin=TIMELINE_KINDS)
    subject: Series[str]  # a class of address, a detection, a secret and its place, a file
    count: Series[int]
    text: Series[str]
    evidence: Series[str]  # file:line, a ledger entry, a commit


def tabulate_timeline(case: Case) -> pd.DataFrame:
    """`Timeline` of the window, in order; what has bounds alone stands at the earlier bound. Requests and
    failed logins are summed by minute, class of address and file; evidence: the first line."""
    parts = (_requests, _messages, _detected, _ledger, _deploys, _leaks)
    columns = ["kind", "not_before_at", "not_after_at", "subject", "text", "evidence", "count"]
    frame = pd.DataFrame([one for part in parts for one in part(case)], columns=columns)
    low, high = (pd.to_datetime(frame[name], utc=True) for name in ("not_before_at", "not_after_at"))
    instant = frame["kind"].eq("deploy") | low.eq(high) | (high - low).lt(pd.Timedelta(minutes=1))
    frame = frame.assign(not_before_at=low, not_after_at=high, at=low.where(instant))
    order = ["not_before_at", "not_after_at", "kind", "subject", "text", "evidence"]
    here = within(frame, case.window).sort_values(order, kind="stable", na_position="first")
    return Timeline.checked(here[list(Timeline.columns)])


def _requests(case: Case) -> Iterator[Entry]:
    here, logins = case.here, case.said[case.said["kind"].eq(FAILED_LOGIN)].assign(count=1)
    parts = {"refused": here[here["refused"]], "answered": here[here["granted"]], "failed logins": logins}
    classes = case.clients.set_index("client")["classification"]
    for kind, part in parts.items():
        whose = part["client"].map(classes).fillna("not in a request").astype("str")
        found = part.groupby([part["not_before_at"].dt.floor("min"), whose, part["file"]], dropna=False).agg(
            first=("not_before_at", "min"), last=("not_after_at", "max"), names=("client", "unique"),
            line=("line", "min"), count=("count", "sum"),
        )  # fmt: skip
        for (_, subject, file), one in zip(found.index, rows(found), strict=True):
            names = sorted({*one.names} - {""})
            text = f"{one.count} from {counted(len(names), 'address', 'addresses')} ({', '.join(names[:3])})"
            yield kind, one.first, one.last, subject, text, f"{file}:{one.line}", one.count


def _messages(case: Case) -> Iterator[Entry]:
    told = case.said["message"].isin((BOOT, *SHOWING_VALUES)) | case.said["kind"].isin(_MESSAGES)
    for one in rows(case.said[told]):
        text, subject = one.message or one.kind.replace("_", " "), one.subject or "application"
        shown = "leak" if one.message in SHOWING_VALUES else _MESSAGES.get(one.kind, "boot")
        yield shown, one.not_before_at, one.not_after_at, subject, text, f"{one.file}:{one.line}", 1


def _detected(case: Case) -> Iterator[Entry]:
    for name in case.verdicts:
        for one in case.found(name):
            text = ": ".join(filter(None, (one.client or one.subject, one.classification)))
            yield "detected", one.first_at, one.last_at, name, text, "".join(one.evidence[:1]), one.count


def _ledger(case: Case) -> Iterator[Entry]:
    for stay in case.tenures:
        if stay.absent is not None:
            by = f"recorded in {stay.claim.place}" if stay.claim else "not recorded"
            text = f"{'first' if stay.absent.fingerprint is None else 'another'} value; {by}"
            places = f"{stay.absent.place}; {stay.first.place}"
            yield "change", stay.absent.at, stay.first.at, str(stay.home), text, places, 1
    for one in revocations(case.read.ledger):
        yield "change", one.claimed_at, one.until, str(one.home), f"revoked, says {one.by}", one.place, 1


def _deploys(case: Case) -> Iterator[Entry]:
    for one in rows(case.read.deploys):
        outcome = f"{one.outcome} ({one.status})" if one.status else "outcome not listed"
        cause = f"set off by {one.trigger}" if one.trigger else ""
        words = (outcome, f"commit {one.commit[:12]}" if one.commit else "", one.message, cause)
        place = "/".join(filter(None, (one.environment, one.service))) or one.file
        yield "deploy", one.began_at, one.ended_at, place, "; ".join(filter(None, words)), one.evidence, 1


def _leaks(case: Case) -> Iterator[Entry]:
    for one in rows(case.leaked.leaks.dropna(subset="first_at")):
        force = f"in force in {one.in_force}" if one.in_force else "not in force"
        place = f"commit {one.first_commit[:12]}" if one.first_commit else "a log"
        yield "leak", one.first_at, one.first_at, one.variable, f"first seen; {force}", place, 1

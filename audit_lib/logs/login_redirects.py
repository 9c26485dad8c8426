"""Settles logins that are answered with a redirect: failed, or not, by where the client goes next."""

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import replace
from operator import itemgetter

import numpy as np

from audit_lib.base.log_kinds import DECLARED, OTHER_ROUTES, POSSIBLE
from audit_lib.logs.declared_logins import LOGIN_MOVED, LOGIN_SENT, bare_route
from audit_lib.logs.fields import NOT_AN_ADDRESS
from audit_lib.logs.file_counts import BY_GROUP, BY_MOMENT, KINDS, NAMED, Columns, LogSums, summed
from audit_lib.logs.read_options import Wanted
from audit_lib.logs.route_limit import budget_of
from audit_lib.logs.units import MINUTE, NONE, Ints
from audit_lib.settings import Login

SECONDS = 30  # within so many a browser has followed a redirect
_MICROS = SECONDS * 1_000_000


def settled(sums: LogSums, logins: Sequence[Login], wanted: Wanted) -> LogSums:
    """The same sums with each answer settled: a failed login, a login that succeeds, or a possible failure.

    A client that does not follow, or whose next request is not one that is declared, may be a program: then
    nothing is known. A login that succeeds is a request like others.
    """
    moved, sent = (_numbered(sums.messages, name) for name in (LOGIN_MOVED, LOGIN_SENT))
    message = sums.events["message"]
    if not (np.isin(message, [moved, sent])).any():
        return sums
    kinds = _kinds(sums, logins, moved, sent)
    events = sums.events | {"kind": np.where(kinds >= 0, kinds, sums.events["kind"])}
    changed = np.flatnonzero(kinds > 0)
    kept = ~np.isin(message, [moved, sent]) | (kinds > 0)
    kept_events = {name: column[kept] for name, column in events.items()}
    kept_events["message"] = np.where(kept_events["message"] == moved, 0, kept_events["message"])
    rows = {name: column[changed] for name, column in events.items()}
    groups, moments = _recounted(sums, rows, wanted)
    return replace(sums, groups=groups, moments=moments, events=kept_events)


def _numbered(names: Sequence[str], name: str) -> int:
    return names.index(name) if name in names else -1


def _kinds(sums: LogSums, logins: Sequence[Login], moved: int, sent: int) -> Ints:
    """For each event the kind that it is found to be: a place in KINDS, 0 for a success, -1 for no login."""
    events, names = sums.events, sums.names
    ways = {(login.method, bare_route(login.route)): login for login in logins if login.failed_redirect}
    kinds = np.full(len(events["line"]), -1, np.int64)
    waiting: dict[tuple[int, Login], deque[int]] = defaultdict(deque)
    asked = np.flatnonzero(np.isin(events["message"], [moved, sent]))
    for place in asked[np.argsort(events["line"][asked], kind="stable")].tolist():
        client, route = int(events["client"][place]), bare_route(names[events["route"][place]])
        if events["message"][place] == moved:
            kinds[place] = KINDS.index(POSSIBLE)
            if names[client] not in ("", NOT_AN_ADDRESS):  # else nobody knows whose next request is whose
                waiting[client, ways[names[events["method"][place]], route]].append(place)
            continue
        parameter, at = names[events["subject"][place]], int(events["at"][place])
        told = {login: _outcome(login, route, parameter) for login in ways.values()}
        queues = [(waiting[client, login], outcome) for login, outcome in told.items() if outcome >= 0]
        for queue, _ in queues:
            while queue and not _is_near(int(events["at"][queue[0]]), at):
                queue.popleft()
        if ready := [(queue[0], queue, outcome) for queue, outcome in queues if queue]:
            first, queue, outcome = min(ready, key=itemgetter(0))
            kinds[first] = outcome
            queue.popleft()
    return kinds


def _is_near(one: int, other: int) -> bool:
    """Whether a request can follow another's redirect; without their times their order tells."""
    return NONE in (one, other) or abs(other - one) <= _MICROS


def _outcome(login: Login, route: bytes, parameter: str) -> int:
    """The kind of a login that was sent there; 0 for a success, -1 if it tells nothing."""
    fits = [_leads(target, route, parameter) for target in (login.failed_redirect, login.succeeded_redirect)]
    # Where both lead to one path, the parameter tells.
    if all(fits) and "?" in login.succeeded_redirect and "?" not in login.failed_redirect:
        fits[0] = False
    return KINDS.index(DECLARED) if fits[0] else 0 if fits[1] else -1


def _leads(target: str, route: bytes, parameter: str) -> bool:
    path, _, name = target.partition("?")
    return bool(path) and bare_route(path) == route and name.lower() in ("", parameter)


def _recounted(sums: LogSums, rows: Columns, wanted: Wanted) -> tuple[Columns, Columns]:
    """Groups and moments with these events, whose kind is another now, taken out of where they were."""
    other = _numbered(sums.names, OTHER_ROUTES)
    shown = {"client": wanted.client, "method": wanted.method, "route": wanted.route}
    rows = rows | {"count": np.ones_like(rows["line"]), "untimed": (rows["at"] == NONE).astype(np.int64)}
    rows["untimed_line"] = rows["line"] * rows["untimed"]
    asked = rows | {name: rows[name] * shown[name] for name in NAMED}
    groups = _moved(sums.groups, asked, {"kind": np.zeros_like(rows["kind"])}, BY_GROUP, other)
    timed = {name: column[rows["at"] != NONE] for name, column in rows.items()}
    timed |= {
        "minute": timed["at"] // MINUTE,
        "declared": (timed["kind"] == KINDS.index(DECLARED)).astype(np.int64),
    }
    if not wanted.minutes:
        return groups, sums.moments
    return groups, _moved(
        sums.moments, timed, {"declared": np.zeros_like(timed["declared"])}, BY_MOMENT, other
    )


def _moved(
    table: Columns,
    rows: Columns,
    before: Columns,
    by: tuple[Sequence[str], Sequence[str], Sequence[str]],
    other: int,
) -> Columns:
    """The table with one less where each row was (`before`), and one more where it is."""
    keys, values, lines = by
    # An event keeps its route, though its group may stand among the others.
    kept = np.unique(table["route"][budget_of(table["status"]) == 0])
    folded = ~np.isin(rows["route"], kept)
    here = rows | {"route": np.where(folded, other, rows["route"])}
    gone = (
        here
        | before
        | {name: -rows[name] for name in values}
        | {name: np.zeros_like(rows["line"]) for name in lines}
    )
    parts = (table, here, gone)
    names = (*keys, *values, *lines)
    joined = summed(
        {name: np.concatenate([part[name] for part in parts]) for name in names}, keys, values, lines
    )
    return {name: column[joined["count"] > 0] for name, column in joined.items()}

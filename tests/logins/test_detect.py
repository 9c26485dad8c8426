"""Each detection on small logs: what it finds, how severe it is, and what it leaves alone."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from audit_lib.base.clock import iso
from audit_lib.ledger import Ledger
from audit_lib.logs.deploys import Deploys
from tests.support.histories import ledger_of, rotation
from tests.support.paths import rows_beside
from tests.support.rows import filled
from tests.support.small_logs import START, Ask, detections, incidents

API, LOGIN, MINUTE, HOUR, DAY = "/api/positions", "/api/auth/login", 60, 3600, 86400
VALID = "All required secrets validated successfully"
STRANGER, PERSON = "203.0.113.9", "198.51.100.7"
REFUSED = "INFO: db ping failed: connection refused"


def fails(count: int, pause: float, client: str = STRANGER, start: float = 0, route: str = API) -> list[Ask]:
    """Refusals of one client, or of several in turn if its name has a place for a number."""
    method = "POST" if route == LOGIN else "GET"
    names = [client.format(number % 20 + 1) for number in range(count)]
    return [(start + number * pause, name, route, 401, method) for number, name in enumerate(names)]


def hop(count: int, pause: float, networks: int = 100, route: str = API) -> list[Ask]:
    """Refusals of addresses of as many networks, in turn."""
    return [(n * pause, f"203.0.{n % networks}.{n % 250 + 1}", route, 401) for n in range(count)]


def crowd(count: int, pause: float) -> list[Ask]:
    """Answers to as many people, one after the other."""
    return [(n * pause, f"198.51.{n % 250}.{n // 250 + 1}", API, 200) for n in range(count)]


def answers(client: str, *at: float, route: str = API, status: int = 200, method: str = "GET") -> list[Ask]:
    """Answers to one client."""
    return [(each, client, route, status, method) for each in at]


def missing(count: int, start: float = 0) -> list[Ask]:
    """Requests for as many routes that are not there."""
    return [(start + 9.0 * n, STRANGER, f"/x{'abcdefghijk'[n]}", 404) for n in range(count)]


def people(count: int, *times: float, status: int = 200, route: str = API) -> list[Ask]:
    """Answers to each of so many people at each time."""
    return [(at + number, f"198.51.{number}.7", route, status) for number in range(count) for at in times]


def said(text: str, *minutes: float) -> list[str]:
    """A line with this text at each of these minutes."""
    return [f"{iso(START + timedelta(minutes=at))} {text}\n" for at in minutes]


Found = set[tuple[str, str, str]]
NOTHING: Found = set()
ONSET, FAILING = ("known-clients-failing", "all sources"), "application-failing"
OUTAGE = people(6, 0, 60) + people(6, *(HOUR + 120 * n for n in range(10)), status=401) + people(6, 2 * HOUR)
TENTHS = people(9, 0, *(HOUR + 300 * n for n in range(9)))
CASES = rows_beside(__file__)
MAKERS: dict[str, Any] = {it.__name__: it for it in (fails, hop, crowd, answers, missing, people, said)}


def _asks(steps: list[list[Any]]) -> Iterator[Ask]:
    """The requests of each function that is named, with what it is given, by name in a table at its end."""
    for name, *given in steps:
        named = given.pop() if isinstance(given[-1], dict) else {}
        yield from MAKERS[name](*given, **named)


def probed(served: str, missing: str, severity: str) -> tuple[list[Ask], Found]:
    """Files that two addresses each ask for, by their names; each that is served is found of the first."""
    files = 2 * [*((name, 200) for name in served.split()), *((name, 404) for name in missing.split())]
    asks = [(HOUR * n, f"198.51.{n}.7", *file) for n, file in enumerate(files)]
    return asks, {("probing", client, severity) for _, client, *_ in asks[: len(served.split())]}


SOURCES, ALONE = (  # type: ignore[var-annotated]
    {
        case: ([*_asks(steps)], {*map(tuple, rows)}, *more)
        for case, (steps, rows, *more) in CASES[name].items()
    }
    for name in ("sources", "alone")
)
ALONE |= {
    "a third of the known clients": (
        TENTHS + [(HOUR + 100 * n + m, f"198.51.10{m}.7", API, 401) for n in range(20) for m in range(5)]
        + [(9.0, f"198.51.10{m}.7", API, 200) for m in range(5)], {(*ONSET, "medium")}),
    "a start page for every path": probed("/.env /.git/x /wp-login.php", "/id_rsa /.htaccess", "medium"),
    "as many are missing": probed("/.env /.git/x /wp-login.php", "/id_rsa /.htaccess /a.sql", "critical"),
    "a folder that is served": probed("/.env /.git/config /.git/HEAD /.git/index", "", "critical"),
    "errors of most requests until the next answer, of which the server in front tells": (
        people(9, 0) + people(9, 300, 360, 420, status=502) + answers(PERSON, 1500, 2400, status=502)
        + people(9, *range(HOUR, 4500, 30)) + answers(PERSON, *range(HOUR, 4150, 50), status=500)
        + said(REFUSED, 5, 6, 39), {(FAILING, "all sources", "high"), (FAILING, PERSON, "medium")}),
    "refused connections without a time": (
        people(9, 0) + [f"{REFUSED}\n"] * 3, {(FAILING, "connection", "medium")}),
    "silence": (
        [ask for ask in people(9, *range(0, 5 * DAY, 600)) if not 4.4 < ask[0] / DAY < 4.6],
        {(FAILING, "requests", "medium")}),
    "a pause of hours that are quiet on two other days": (
        [ask for ask in people(9, *range(0, 28 * DAY, 600)) if not 3.4 < ask[0] / DAY % 10 < 3.6], NOTHING),
    "a pause of hours of which one other day is known": (
        [ask for ask in people(9, *range(0, 2 * DAY, 600)) if not 1.4 < ask[0] / DAY < 1.6], NOTHING),
    "the pauses of a few people": (
        [ask for ask in people(9, *range(0, 29 * DAY, 900)) if (ask[0] / HOUR - ask[0] // DAY * 27) % 24 > 4],
        NOTHING),
    "a pause on a weekend": (
        [ask for ask in people(9, *range(0, 28 * DAY, 600)) if (START + timedelta(0, ask[0])).weekday() < 5]
        + answers(PERSON, *(at for at in range(0, 28 * DAY, 3000) if not 25.4 < at / DAY < 25.6)), NOTHING),
    "long pauses on four days": (
        [ask for ask in people(9, *range(0, 26 * DAY, 600)) if ask[0] / DAY % 5.3 > 0.2], NOTHING),
}  # fmt: skip


def found_in(asks: Iterable[Ask | str], **more: object) -> pd.DataFrame:
    """The rows of what is found."""
    found = detections(asks, days=30, **{"clients": "real"} | more)  # type: ignore[arg-type]
    return found[found["verdict"].eq("found")]


def test_each_success_of_a_network_is_one_incident() -> None:
    """What its addresses do until one is let in is told once; one that guesses itself in later is apart."""
    asks, clients = people(9, *range(0, 5 * DAY, 3600)), list[str]()
    for start, client in ((0.0, "203.0.113.10"), (3.0 * DAY, "203.0.113.30")):
        asks += [*fails(40, 20, "203.0.113.{}", start), *fails(12, 20, client, start + 800)]
        asks, clients = [*asks, *answers(client, start + 1200)], [*clients, client]
        assert found_in(asks).query("detection == 'let-in'")["subject"].tolist() == clients


OWN = {  # what addresses, networks and routes of each case begin with
    case: (f"203.{n}.", f"198.{n}.", f"2001:db8:{n}:", f"/api/{chr(97 + n // 26)}{chr(97 + n % 26)}")
    for n, case in enumerate(SOURCES, 1)
}


def _own(case: str, text: str) -> str:
    """An address, network or route as only this case has it."""
    pairs = zip(("203.0.", "198.51.", "2001:db8:1:", API), OWN[case], strict=True)
    return next((own + text.removeprefix(usual) for usual, own in pairs if text.startswith(usual)), text)


@pytest.fixture(scope="module")
def together() -> dict[str, Found]:
    """What is found in one log of all cases, by the case whose address or route it names, or ""."""
    asks = (
        (at, _own(case, client), _own(case, route), *more)
        for case, (asks, _) in SOURCES.items()
        for at, client, route, *more in asks
    )
    found: dict[str, Found] = {}
    for row in incidents(found_in(asks)):  # type: ignore[arg-type]
        case = next((case for case in SOURCES if row[1].startswith(OWN[case])), "")
        found.setdefault(case, set()).add(row)
    return found


@pytest.mark.parametrize("case", [*SOURCES, ""])
def test_what_a_source_does(case: str, together: dict[str, Found]) -> None:
    """What is found of each source and route, by severity, and what is left alone."""
    expected = SOURCES.get(case, ((), NOTHING))[1]
    assert together.get(case, set()) == {(name, _own(case, who), grave) for name, who, grave in expected}


@pytest.mark.parametrize("case", ALONE)
def test_what_all_do_together(case: str) -> None:
    """What is found of the application as a whole, and what of it in words."""
    asks, expected, given, text = (*ALONE[case], *({}, "")[len(ALONE[case]) - 2 :])
    found = found_in(asks, **given)
    assert (incidents(found), text in "\n".join([*found["classification"], ""])) == (expected, True)


def test_what_messages_report() -> None:
    """What is found of messages, by severity: each text on a day of its own of one log."""
    texts = [
        said(text, *(1440 * day + at for at in minutes))
        for day, (text, minutes, _) in enumerate(CASES["texts"].values())
    ]
    found = found_in(line for lines in texts for line in lines)
    days = (found["first_at"] - pd.Timestamp(START)).dt.days
    assert {case: incidents(found[days.eq(day)]) for day, case in enumerate(CASES["texts"])} == {
        case: {tuple(row)} if row else NOTHING for case, (*_, row) in CASES["texts"].items()
    }


def _rotated(at: float) -> Ledger:
    claimed = START + timedelta(seconds=at)
    return ledger_of([rotation(claimed, ("API_TOKEN", "production", "backend"), claimed)])


def _deployed(at: float, outcome: str = "took effect") -> pd.DataFrame:
    began, end = (START + timedelta(seconds=second) for second in (at, at + 120))
    row = {"outcome": outcome, "status": "live", "evidence": "deploys.json:1", "began_at": began}
    return filled(Deploys, [row | {"ended_at": end}])


@pytest.mark.parametrize("cause", ["rotation", "deploy", "start", ""])
def test_an_onset_has_the_cause_that_is_on_record(cause: str) -> None:
    """Known clients that fail are one incident, by the change that took effect before; and nobody guesses."""
    given = {"rotation": {"ledger": _rotated(3480), "caller_secrets": []}, "": {"deploys": _deployed(-7200)}}
    given |= {"deploy": {"deploys": _deployed(3480)}, "start": {"deploys": _deployed(3550, "failed")}}
    found = found_in([*OUTAGE, *said(f"INFO: {VALID}", *[59] * (cause == "start"))], **given.get(cause, {}))
    assert found[["detection", "cause", "severity", "count"]].values.tolist() == [
        ["known-clients-failing", cause, "high", 60]
    ]
    assert (" 00:5" in found["classification"].item()) == bool(cause)  # when it was, to the minute


def test_one_client_that_misses_a_rotation_is_explained() -> None:
    """A client with the old value after a recorded rotation guesses nothing; without the record it does."""
    asks = people(9, 0, *range(HOUR, DAY, HOUR)) + answers(PERSON, 0) + fails(30, 100, PERSON, 2 * HOUR)
    explained = found_in(asks, ledger=_rotated(2 * HOUR - 60))
    assert explained[["detection", "subject", "cause", "severity"]].values.tolist() == [
        ["known-clients-failing", "API_TOKEN", "rotation", "medium"]
    ]
    assert set(found_in(asks)["detection"]) == {"guessing"}


def test_what_was_sent_after_a_success_is_said() -> None:
    """What is sent within a day, rarest first, and what few others read; not what is refused, or later."""
    asks: list[Ask] = [*people(10, *range(0, 5 * DAY, 3600)), *fails(6, 20, start=DAY)]
    later = [(2 * DAY, "/api/b", 200, "POST"), *((at, "/api/keys", 201, "POST") for at in (260, 300))]
    later += [(190, "/api/start", 200, "POST"), (200, API, 200, "GET"), (400, "/api/a", 403, "POST")]
    later += [(500 + at, f"/api/{name}", 200, "GET") for at, name in enumerate("cdeef")]
    later += [(600, "/api/g", 404, "GET"), (2 * DAY, "/api/h", 200, "GET"), (700, "/api/i", 200, "GET")]
    asks += [(at, client, "/api/list", 200, "POST") for at, client in ((DAY + 250, STRANGER), (9, PERSON))]
    asks += [(DAY, f"198.51.{n}.7", f"/api/{it}", 404) for n, it in (*enumerate("ii" + "x" * 30), (0, "c"))]
    asks += [(DAY + at, STRANGER, route, status, method) for at, route, status, method in later]
    text = found_in(asks).query("detection == 'let-in'")["classification"].item()
    read = "what it read then that few others ask for: GET /api/e, GET /api/d, GET /api/f and 1 more"
    after = text.partition("; what it sent within a day after: ")[2]
    assert after == f"POST /api/keys, POST /api/list; {read}; last seen 4 Sep 2026 00:00"


@pytest.mark.parametrize("case", CASES["arrivals"])
def test_what_a_network_does_that_is_new(case: str) -> None:
    """It is said to be new if logs reach back, lasts until it is gone, and what all of it read is told."""
    first, steps, said, last = CASES["arrivals"][case]
    asks = [*people(3, *range(0, 35 * DAY, DAY)), *fails(6, 20, start=34 * DAY), *_asks(steps)]
    asks = [ask for ask in (*asks, *answers(STRANGER, 34 * DAY + 200)) if ask[0] >= first * DAY]
    (found,) = found_in(asks, routes=8).query("detection == 'let-in'").itertuples()
    assert {text for text in CASES["said"] if text in found.classification} == {*said}
    assert (found.last_at if pd.isna(found.seen_at) else found.seen_at) == START + timedelta(minutes=last)


def test_known_clients_are_marked_and_not_dropped() -> None:
    """An own monitor's incident stays what it is, with a word that it is known: an address, or a network."""
    asks = [ask for client in (STRANGER, "192.0.2.9", PERSON) for ask in fails(9, 20, client)]
    before, after = found_in(asks), found_in(asks, known_clients=[STRANGER, "192.0.2.0/24"])
    assert after[["subject", "severity"]].equals(before[["subject", "severity"]])
    known = after.set_index("subject")["classification"].str.contains("a known client")
    assert known.to_dict() == {STRANGER: True, "192.0.2.9": True, PERSON: False}


def test_a_flood_of_sources_is_counted() -> None:
    """Beyond 200 incidents a row counts the others."""
    asks = [ask for n in range(203) for ask in fails(5, 20, f"198.{n // 200 + 20}.{n % 200}.1", n * 600.0)]
    assert [*found_in(asks).query("detection == 'guessing'")["classification"]][200:] == ["3 more incidents"]


FAILED = "web1 sshd[7]: Failed password for x from {} port 5 ssh2"
HOSTS = [said(FAILED.format(f"host{n}.example.com"), n / 3)[0] for n in range(6)]
UNKNOWN: dict[str, tuple[Sequence[Ask | str], dict[str, str], str]] = {
    "a proxy hides callers": (
        fails(30, 5, "10.0.0.1") + answers("10.0.0.1", *range(0, 3600, 9)), {},
        "guessing spraying let-in probing"),
    "6 failed logins are of named hosts, or of private": (
        [*people(9, 0), *fails(1, 1), *answers(STRANGER, 70), *HOSTS], {"clients": "real"}, "guessing"),
    "": ([*answers(PERSON, 0), *said(FAILED.format("192.0.2.1"), 0, 30, 60)], {}, "guessing"),
}  # fmt: skip


@pytest.mark.parametrize("reason", UNKNOWN)
def test_who_fails_may_be_unknown(reason: str) -> None:
    """If a proxy sends nearly all, hosts are named, or messages alone report failures: with its reason."""
    asks, given, ids = UNKNOWN[reason]
    found = detections(asks, **given).set_index("detection")
    assert found.loc[ids.split(), "verdict"].eq("unknown").all()
    assert reason in found.loc[ids.split()[-1], "reason"]


def test_only_what_fails_on_a_login_is_a_failed_login() -> None:
    """A burst on routes that are no login is one of refused requests."""
    both = found_in(fails(20, 6, route=LOGIN) + fails(20, 6, PERSON)).set_index("subject")["classification"]
    assert ("20 failed logins" in both[STRANGER], "20 refused requests" in both[PERSON]) == (True, True)

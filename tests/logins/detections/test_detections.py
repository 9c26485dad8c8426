"""Each detection fires on its definition and not just below it; what cannot be seen is unknown, not none."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from audit_lib.base.clock import iso
from tests.support.small_logs import START, Ask, detections, verdicts

EVIL, USER, OTHER = "203.0.113.9", "192.0.2.4", "192.0.2.5"
API = "/api/positions"
HOUR, DAY = 3600, 86400
LETTERS = "abcdefghijklmnopqr"


def _failures(count: int, every: float, client: str = EVIL, start: float = 0, route: str = API) -> list[Ask]:
    return [(start + number * every, client, route, 401) for number in range(count)]


def _days(hours: int, status: int) -> list[Ask]:
    """A request in each hour of working hours, and one at night."""
    return [(hour * HOUR, USER, API, status) for hour in range(hours) if 7 <= hour < 19 or hour == 3]


STARTED = "INFO: All required secrets validated successfully"


def _said(text: str, minutes: list[float]) -> list[Ask | str]:
    return [f"{iso(START + timedelta(minutes=minute))} {text}\n" for minute in minutes]


# detection: requests that make it fire, and requests just beside them that do not
PAIRS: dict[str, tuple[Sequence[Ask | str], Sequence[Ask | str]]] = {
    "A1": (_failures(5, 149), _failures(5, 151)),
    "A2": (_failures(12, 6), _failures(10, 6)),
    "A3": (_failures(4, 660), [*_failures(4, 660), (1000, EVIL, API, 200)]),
    "A4": (
        [ask for day in range(3) for ask in _failures(4, 900, start=day * DAY)],
        [ask for day in range(2) for ask in _failures(6, 900, start=day * DAY)],
    ),
    "A5": (
        [ask for source in range(5) for ask in _failures(5, 30, f"203.0.{source}.9")],
        [ask for source in range(4) for ask in _failures(7, 30, f"203.0.{source}.9")],
    ),
    "A6": (
        [(number, EVIL, f"/api/r{'abcdefghij'[number]}", 401) for number in range(8)],
        [(number, EVIL, f"/api/r{'abcdefghij'[number % 7]}", 401) for number in range(20)],
    ),
    "A7": (
        [*_failures(5, 60), (320, EVIL, API, 200)],
        [(-HOUR, EVIL, API, 200), *_failures(5, 60), (320, EVIL, API, 200)],
    ),
    "A12": (
        [(number, EVIL, API, 429) for number in range(20)],
        [(number, EVIL, API, 429) for number in range(19)],
    ),
    "A14": (_failures(10, 7200), _failures(9, 7200)),
    "A15": (
        [
            (number, EVIL, route, 404)
            for number, route in enumerate(("/.env", "/.git/config", "/a/.env", "/x.sql"))
        ],
        [(number, EVIL, route, 404) for number, route in enumerate(("/.env", "/.git/config", "/a/.env"))],
    ),
    "A8": (
        [(0, USER, API, 200), (31 * DAY, EVIL, API, 200)],
        [(0, USER, API, 200), (2 * DAY, EVIL, API, 200), (31 * DAY, EVIL, API, 200)],
    ),
    "A16": (
        [(number, EVIL, API, 500) for number in range(11)],
        [(number, EVIL, API, 500) for number in range(10)],
    ),
    "A17": ([(0, USER, f"{API}?token=x1", 200)], [(0, USER, f"{API}?token=", 200)]),
    "A18": (_said(STARTED, [0, 4, 8]), _said(STARTED, [0, 11, 22])),
    "A19": (
        [(0, USER, API, 200), *_said(STARTED, [60, 49])],
        [(0, USER, API, 200), *_said(STARTED, [60, 51])],
    ),
    "A20": (
        [*_days(24, 200), *_failures(20, HOUR / 4, start=20 * HOUR)],
        [*_days(24, 200), *_failures(20, HOUR / 4, start=10 * HOUR)],
    ),
}


@pytest.mark.parametrize("detection", PAIRS)
def test_a_detection_fires_by_its_definition(detection: str, tmp_path: Path) -> None:
    """The threshold itself fires, one less does not."""
    fires, silent = PAIRS[detection]
    assert verdicts(detections(tmp_path, fires))[detection] == "found"
    assert verdicts(detections(tmp_path, silent))[detection] != "found"


@pytest.mark.parametrize("detection", PAIRS)
def test_the_evidence_is_lines_of_what_was_found(detection: str, tmp_path: Path) -> None:
    """Each piece of evidence is file:line, also of requests counted by the minute; the lines are there."""
    frame = detections(tmp_path, PAIRS[detection][0])
    found = frame[frame["detection"].eq(detection) & frame["verdict"].eq("found")]
    lines = (tmp_path / "app.log").read_text("utf-8").splitlines()
    for subject, evidence in zip(found["subject"], found["evidence"], strict=True):
        places = [place.rsplit(":", 1) for place in evidence.split("; ")]
        assert {name for name, _ in places} == {"app.log"}
        quoted = [lines[int(number) - 1] for _, number in places]
        if subject in {EVIL, USER}:
            assert all(subject in line for line in quoted)


def test_an_incident_names_source_time_count_and_lines(tmp_path: Path) -> None:
    """The row of a burst holds who, from when to when, how many, and file:line of each."""
    found = detections(tmp_path, [(0, USER, API, 200), *_failures(5, 60, start=60)])
    row = found[found["detection"].eq("A1")].iloc[0]
    assert (row["subject"], row["count"]) == (EVIL, 5)
    assert row["evidence"] == "; ".join(f"app.log:{number}" for number in range(2, 7))
    assert (row["last_at"] - row["first_at"]).total_seconds() == 240


@pytest.mark.parametrize(
    ("detection", "each"),
    [
        ("A1", [0]),
        ("A2", [0, 90]),
        ("A3", [0]),
        ("A4", [0, DAY, 2 * DAY]),
        ("A6", [0, 20]),
    ],
)
def test_a_network_is_a_source_where_no_address_stands_out(
    detection: str, each: list[float], tmp_path: Path
) -> None:
    """A few failures from each of six addresses of a /24, and of a /64, are found as the network's."""
    apart = 1000 if detection in ("A3", "A4") else 1
    asks = [
        (at + number * apart, address.format(number), f"/api/{LETTERS[number + 6 * place]}", 401)
        for place, at in enumerate(each)
        for number in range(6)
        for address in ("203.0.113.{}", "[2001:db8:1:2::{}]")
    ]
    found = (
        detections(tmp_path, asks, days=3) if detection == "A6" else detections(tmp_path, _same(asks), days=3)
    )
    subjects = set(found.loc[found["detection"].eq(detection), "subject"])
    assert subjects == {"203.0.113.0/24", "2001:db8:1:2::/64"}


@pytest.mark.parametrize(
    ("detection", "status", "apart"), [("A12", 429, 60), ("A14", 401, 7200), ("A15", 404, 1), ("A16", 500, 9)]
)
def test_what_a_network_does_by_many_addresses_is_its_own(
    detection: str, status: int, apart: float, tmp_path: Path
) -> None:
    """Four answers to each of six addresses of a /24, and of a /64, are as many to the network; what one
    address does alone is not told again of its network."""
    asks = [
        (
            place * apart,
            address.format(place % 6 + 1),
            f"/{LETTERS[place % 18]}{LETTERS[place // 9]}x",
            status,
        )
        for place in range(24)
        for address in ("203.0.113.{}", "[2001:db8:1:2::{}]")
    ]
    found = detections(tmp_path, asks, days=3)
    subjects = set(found.loc[found["detection"].eq(detection), "subject"])
    assert subjects == {"203.0.113.0/24", "2001:db8:1:2::/64"}
    alone = [(at, EVIL if "203" in client else OTHER, route, status) for at, client, route, status in asks]
    found = detections(tmp_path, [*alone, (0, "203.0.113.8", API, status)], days=3)
    assert set(found.loc[found["detection"].eq(detection), "subject"]) == {EVIL, OTHER}


TOLD = " - app.auth - WARNING - ⚠️ Failed login attempt for: mia@example.com"


def test_failed_logins_that_the_application_tells_of_are_a_burst_of_no_source(tmp_path: Path) -> None:
    """Ten within five minutes are found, though the requests carry no time; nine are not; beside a burst of
    a source they are its own."""
    quiet = [(number * HOUR, USER, API, 200) for number in range(24)]
    for count, verdict in ((10, "found"), (9, "unknown")):
        said = [f"{iso(START + timedelta(seconds=33 * n))}{TOLD}\n" for n in range(count)]
        found = detections(tmp_path, [*quiet, *said])
        burst = found[found["detection"].eq("A1")].iloc[0]
        assert burst["verdict"] == verdict
    said = [f"{iso(START + timedelta(seconds=33 * n))}{TOLD}\n" for n in range(10)]
    found = detections(tmp_path, [*quiet, *said])
    burst = found[found["detection"].eq("A1")].iloc[0]
    assert (burst["subject"], burst["count"]) == ("all sources", 10)
    found = detections(tmp_path, [*quiet, *_failures(10, 33), *said])
    assert found.loc[found["detection"].eq("A1"), "subject"].tolist() == [EVIL]


def _same(asks: list[Ask]) -> list[Ask]:
    return [(at, client, API, status) for at, client, _, status in asks]


def test_nothing_read_is_unknown_for_all(tmp_path: Path) -> None:
    """Without a log no detection says none."""
    assert set(verdicts(detections(tmp_path, [])).values()) == {"unknown"}


def test_quiet_and_complete_logs_are_none(tmp_path: Path) -> None:
    """With a time on each line, every day there, callers and failed login declared, nothing found is none."""
    asks = [(number * HOUR, (USER, OTHER)[number % 2], API, 200) for number in range(24)]
    found = detections(tmp_path, [*asks, (60, USER, API, 401)], clients="real")
    by_id = verdicts(found)
    assert {id_ for id_, verdict in by_id.items() if verdict == "unknown"} == {"A8", "A9", "A12", "A13"}
    assert "found" not in by_id.values()


@pytest.mark.parametrize(
    ("asks", "policy", "days", "reason"),
    [
        (
            ['INFO:     203.0.113.9:1 - "GET /api/x HTTP/1.1" 401 X\n'],
            "paiid",
            1,
            "1 failed logins have no time",
        ),
        ([(number, "10.0.0.7", API, 200) for number in range(30)], "paiid", 1, "a proxy hides the callers"),
        ([], "generic", 1, "does not declare what a failed login looks like"),
        ([], "paiid", 2, "1 of 2 days have no line"),
    ],
)
def test_what_cannot_be_seen_is_unknown(
    asks: list[Ask | str], policy: str, days: int, reason: str, tmp_path: Path
) -> None:
    """Untimed lines, a proxy's address, an undeclared failed login and days without a line are said."""
    usual = [] if "proxy" in reason else [(60.0 * number, USER, API, 200) for number in range(10)]
    found = detections(tmp_path, [*usual, *asks], policy=policy, days=days)
    row = found[found["detection"].eq("A1")].iloc[0]
    assert row["verdict"] == "unknown"
    assert reason in row["reason"]


def test_a_break_of_all_sources_is_no_attack(tmp_path: Path) -> None:
    """Where known sources all fail at once the burst of each is explained by the configuration."""
    before = [(number * 60, client, API, 200) for number in range(30) for client in (USER, OTHER)]
    during = [(1800 + number * 30, client, API, 401) for number in range(20) for client in (USER, OTHER)]
    found = detections(tmp_path, [*before, *during])
    bursts = found[found["detection"].eq("A1")]
    assert verdicts(found)["A10"] == "found"
    assert set(bursts["severity"]) == {"info"}
    assert bursts["classification"].str.contains("not an attack").all()


def test_an_attack_alone_at_night_is_no_break(tmp_path: Path) -> None:
    """All requests of some minutes fail, but none of a source that ever succeeded: no break."""
    found = detections(tmp_path, [(0, USER, API, 200), *_failures(60, 20, start=HOUR)])
    assert verdicts(found)["A10"] == "none"
    assert set(found.loc[found["detection"].eq("A1"), "severity"]) == {"medium"}

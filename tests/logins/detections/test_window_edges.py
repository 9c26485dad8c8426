"""A window begins with any event, a loud address is apart while it is loud, a name is no client."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from audit_lib.base.clock import iso
from tests.support.small_logs import START, Ask, detections, verdicts

EVIL, API, LOGIN = "203.0.113.9", "/api/positions", "/api/auth/login"
HOUR, DAY = 3600, 86400
LETTERS = "abcdefghijklmnopqrst"


def _found(folder: Path, asks: Sequence[Ask | str], detection: str) -> pd.DataFrame:
    found = detections(folder, asks, days=2, clients="real")
    return found[found["detection"].eq(detection) & found["verdict"].eq("found")]


# Each lies within a minute, half of it before the end of an hour: of a clock's bin it is half.
ACROSS: dict[str, list[Ask]] = {
    "A12": [(HOUR - 19 + number, EVIL, API, 429) for number in range(38)],
    "A15": [(HOUR - 10 + number, EVIL, f"/none-{LETTERS[number]}", 404) for number in range(20)],
    "A16": [(HOUR - 10 + number, EVIL, API, 500) for number in range(20)],
}


@pytest.mark.parametrize("detection", ACROSS)
def test_the_edge_of_an_hour_hides_nothing(detection: str, tmp_path: Path) -> None:
    """As many events within a minute as fire are found wherever the minute lies."""
    assert len(_found(tmp_path, ACROSS[detection], detection)) == 1


def test_starts_with_pauses_are_not_starts_within_a_short_time(tmp_path: Path) -> None:
    """Three starts, each nine minutes after the other, are not three within ten minutes."""
    started = "INFO: All required secrets validated successfully"
    asks = [f"{iso(START + timedelta(minutes=minute))} {started}\n" for minute in (0, 9, 18)]
    assert _found(tmp_path, asks, "A18").empty


def test_a_loud_address_is_left_out_of_its_network_only_while_it_is_loud(tmp_path: Path) -> None:
    """Five addresses of a network fail together, one of them alone and loudly the day before."""
    loud = [(float(number), "203.0.113.1", API, 401) for number in range(8)]
    hops = [(DAY + 20.0 * number, f"203.0.113.{number + 1}", API, 401) for number in range(5)]
    subjects = set(_found(tmp_path, [*loud, *hops], "A1")["subject"])
    assert subjects == {"203.0.113.1", "203.0.113.0/24"}


def test_hosts_that_are_named_are_no_one_client(tmp_path: Path) -> None:
    """Six hosts, as sshd names them with UseDNS, fail once each: no burst, and not known who."""
    said = "web1 sshd[7]: Failed password for root from host{0}.example.com port 5 ssh2"
    lines = [f"{iso(START + timedelta(seconds=20 * number))} {said.format(number)}\n" for number in range(6)]
    found = detections(tmp_path, [(0, EVIL, API, 200), *lines], days=1, clients="real")
    burst = found[found["detection"].eq("A1")].iloc[0]
    assert burst["verdict"] == "unknown"
    assert "failed logins of hosts that are named instead of their address: 6" in burst["reason"]
    assert not found["subject"].eq("(not an address)").any()


@pytest.mark.parametrize(("route", "words"), [(LOGIN, "failed logins"), (API, "refused requests")])
@pytest.mark.parametrize("detection", ["A1", "A2"])
def test_only_what_fails_on_a_login_is_a_failed_login(
    detection: str, route: str, words: str, tmp_path: Path
) -> None:
    """A burst on routes that are no login is one of refused requests."""
    asks = [(6.0 * number, EVIL, route, 401, "POST") for number in range(20)]
    (text,) = _found(tmp_path, asks, detection)["classification"]
    assert words in text
    assert ("failed login" in text) == (words == "failed logins")


def test_failed_logins_that_messages_tell_are_not_denied(tmp_path: Path) -> None:
    """Beside failed logins in messages it is not said that none was met."""
    said = "web1 sshd[7]: Failed password for x from 192.0.2.1 port 5 ssh2"
    lines = [f"{iso(START + timedelta(minutes=30 * number))} {said}\n" for number in range(3)]
    found = detections(tmp_path, [(0, EVIL, API, 200), *lines], days=1)
    reasons = " ".join(found["reason"])
    assert "no failed login was met in these logs" not in reasons
    assert verdicts(found)["A1"] == "unknown"

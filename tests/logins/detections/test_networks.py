"""A network is one source: hopping through its addresses hides nothing, and nothing is told twice for it."""

from pathlib import Path

import pandas as pd
import pytest

from tests.support.small_logs import START, Ask, detections

API = "/api/positions"
HOUR, DAY = 3600, 86400
EACH = pytest.mark.parametrize("address", ["203.0.113.{}", "[2001:db8:1:2::{}]"])


def _hopping(address: str, count: int, every: float, start: float = 0, per_address: int = 1) -> list[Ask]:
    """Failures, each so many of another address of one network."""
    return [
        (start + number * every, address.format(number // per_address + 1), API, 401)
        for number in range(count)
    ]


def _found(folder: Path, asks: list[Ask], detection: str, let_in_minutes: int | None = 10) -> pd.DataFrame:
    found = detections(folder, asks, days=2, clients="real", let_in_minutes=let_in_minutes)
    return found[found["detection"].eq(detection) & found["verdict"].eq("found")]


def _bare(address: str, number: int) -> str:
    return address.format(number).strip("[]")


@EACH
def test_an_answer_after_the_failures_of_a_network_names_who_got_in(address: str, tmp_path: Path) -> None:
    """Five addresses fail once each, a sixth of their network is answered: the row is about the sixth."""
    asks = [*_hopping(address, 5, 60), (320.0, address.format(6), API, 200)]
    row = _found(tmp_path, asks, "A7").iloc[0]
    assert (row["subject"], row["count"], row["severity"]) == (_bare(address, 6), 5, "high")
    assert row["classification"] == (
        "5 failed logins of 5 addresses of its network, then an answer on /api/positions"
    )
    assert row["evidence"] == "; ".join(f"app.log:{number}" for number in range(1, 7))
    assert row["last_at"] == START + pd.Timedelta(seconds=300)  # answers are kept by the minute


@EACH
def test_one_failure_less_or_an_answer_the_day_before_is_no_success_after_failures(
    address: str, tmp_path: Path
) -> None:
    """The thresholds of a network are those of an address."""
    answer: Ask = (DAY + 320.0, address.format(6), API, 200)
    assert _found(tmp_path, [*_hopping(address, 4, 60, DAY), answer], "A7").empty
    hops = _hopping(address, 5, 60, DAY)
    for other in (7, 1):  # another address of the network, or one that fails later
        for earlier in (2 * HOUR, DAY - 60):
            before: Ask = (earlier, address.format(other), API, 200)
            assert _found(tmp_path, [before, *hops, answer], "A7").empty
    unclear: Ask = (DAY, address.format(7), API, 200)  # in the minute of the first failure: no proof
    assert len(_found(tmp_path, [unclear, *hops, answer], "A7")) == 1


@EACH
def test_one_address_fails_and_its_neighbour_is_answered(address: str, tmp_path: Path) -> None:
    """Two addresses make a network a source: one that fails alone and one that gets in."""
    asks = [*_hopping(address, 5, 60, per_address=5), (320.0, address.format(6), API, 200)]
    assert _found(tmp_path, asks, "A7")["subject"].tolist() == [_bare(address, 6)]


@EACH
def test_an_attacker_who_goes_on_hopping_once_in_is_no_person(address: str, tmp_path: Path) -> None:
    """Answers to the addresses that failed, in the minute of the first answer, excuse none of them."""
    hops = _hopping(address, 8, 20)
    answers = [(190.0 + number, address.format(number + 1), API, 200) for number in range(8)]
    for detection, severity in (("A7", "high"), ("A1", "medium")):
        row = _found(tmp_path, [*hops, *answers], detection).iloc[0]
        assert (row["severity"], row["count"]) == (severity, 8)


@EACH
def test_one_address_that_fails_makes_no_network(address: str, tmp_path: Path) -> None:
    """What an address does not do by its own rule its network does not do for it."""
    quick = _hopping(address, 20, 30, per_address=20)
    slow = _hopping(address, 4, 1000, 2000, per_address=4)
    assert _found(tmp_path, [*quick, (1000.0, address.format(9), API, 200), *slow], "A3").empty


@EACH
def test_people_of_one_network_who_are_let_in_after_a_try_or_two_are_no_attack(
    address: str, tmp_path: Path
) -> None:
    """On Monday morning the sessions of an office are over: no A7, and the burst of its network is info."""
    asks = _monday(address, 6)
    assert _found(tmp_path, asks, "A7").empty
    burst = _found(tmp_path, asks, "A1").iloc[0]
    assert (burst["severity"], burst["count"]) == ("info", 12)
    quick = [(at - 45 * (status == 200), client, route, status) for at, client, route, status in asks]
    assert _found(tmp_path, quick, "A1")["severity"].tolist() == ["info"]
    assert _found(tmp_path, quick, "A1", let_in_minutes=None)["severity"].tolist() == ["medium"]
    late = [(at + 600 * (status == 200), client, route, status) for at, client, route, status in asks]
    assert _found(tmp_path, late, "A1")["severity"].tolist() == ["medium"]
    assert burst["classification"].endswith(
        "most of its addresses succeed soon after, as people on one network do"
    )


@EACH
@pytest.mark.parametrize("strangers", [5, 2])
def test_a_stranger_is_not_hidden_by_people_of_its_network(
    strangers: int, address: str, tmp_path: Path
) -> None:
    """Addresses that are never let in make a burst of their own, or are more than those that are."""
    hops = _hopping(address.replace("{}", "9{}"), strangers, 100, start=10)
    people = _monday(address, 6 if strangers == 5 else 1)
    more = [(at + 30, client, API, 401) for at, client, *_ in hops] if strangers == 2 else []
    assert _found(tmp_path, [*hops, *people, *more], "A1")["severity"].tolist() == ["medium"]


def _monday(address: str, people: int) -> list[Ask]:
    """Sessions are over: each person fails twice, then is answered."""
    return [
        (number * 100 + part, address.format(number + 1), API, status)
        for number in range(people)
        for part, status in ((0.0, 401), (20.0, 401), (70.0, 200))
    ]


@EACH
def test_an_address_that_got_in_is_not_told_again_by_its_network(address: str, tmp_path: Path) -> None:
    """One row for the address; a second only where failures of its neighbours led up to it as well."""
    alone = [*_hopping(address, 9, 30, per_address=9), (320.0, address.format(1), API, 200)]
    few = [(at + 5, address.format(8), API, 401) for at, *_ in alone[:4]]
    many = [(at + 5, address.format(8 + number % 2), API, 401) for number, (at, *_) in enumerate(alone[:8])]
    assert _found(tmp_path, [*alone, *few], "A7")["count"].tolist() == [9]
    assert _found(tmp_path, [*alone, *many], "A7")["count"].tolist() == [9, 8]


@EACH
def test_an_answer_to_a_neighbour_ends_the_patient_failures_of_a_network(
    address: str, tmp_path: Path
) -> None:
    """A network with a success between its failures is one that people use."""
    hops = _hopping(address, 6, 1000)
    assert _found(tmp_path, hops, "A3")["subject"].str.contains("/").tolist() == [True]
    assert _found(tmp_path, [*hops, (2900.0, address.format(9), API, 200)], "A3").empty


@EACH
def test_a_patient_address_is_not_told_again_by_its_network(address: str, tmp_path: Path) -> None:
    """The address has its row; its network has one where enough others of it fail as well."""
    alone = _hopping(address, 5, 1000, per_address=5)
    others = [(at + 100, address.format(9 - number), API, 401) for number, (at, *_) in enumerate(alone)]
    assert _found(tmp_path, [*alone, *others[:3]], "A3")["subject"].tolist() == [_bare(address, 1)]
    both = _found(tmp_path, [*alone, *others], "A3")
    assert sorted(both["count"]) == [5, 5]
    assert both["subject"].str.contains("/").sum() == 1


@EACH
def test_a_network_that_hops_is_no_crowd_but_a_burst(address: str, tmp_path: Path) -> None:
    """Twelve addresses of one network, three failures each: A1 names the network, A5 is silent, also with
    four bystanders."""
    hops = _hopping(address, 36, 15, per_address=3)
    bystanders = [(number * 60.0, f"198.51.{number}.7", API, 401) for number in range(4)]
    assert _found(tmp_path, [*hops, *bystanders], "A5").empty
    assert _found(tmp_path, [*hops, *bystanders], "A1")["subject"].str.contains("/").tolist() == [True]


def test_many_networks_that_hop_are_a_crowd(tmp_path: Path) -> None:
    """Five networks, three addresses of each, two failures of each address: all are told."""
    asks = [
        (number * 20 + net, f"203.0.{net}.{number // 2}", API, 401) for net in range(5) for number in range(6)
    ]
    row = _found(tmp_path, asks, "A5").iloc[0]
    assert (row["classification"], row["count"]) == ("15 addresses of 5 networks fail a few times each", 30)

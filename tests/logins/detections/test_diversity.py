"""Few public addresses may be proxies: what is found by source stays found, what is not is unknown."""

from pathlib import Path

import pytest

from tests.support.small_logs import Ask, detections, verdicts

API, HOUR = "/api/positions", 3600
BY_SOURCE = {f"A{number}" for number in (*range(1, 10), 14, 15)}
UNKNOWN_ANYWAY = {"A8", "A9", "A12", "A13"}  # one day of logs; no limiter declared


def _callers(number: int, address: str = "192.0.2.{}") -> list[Ask]:
    """A request in each hour, of so many addresses in turn, of which one is refused once."""
    asks = [(hour * HOUR, address.format(hour % number + 1), API, 200) for hour in range(24)]
    return [*asks, (60.0, address.format(1), API, 401)]


def _unknown(folder: Path, asks: list[Ask], **declared: object) -> set[str]:
    found = verdicts(detections(folder, asks, **declared))
    return {id_ for id_, verdict in found.items() if verdict == "unknown"}


def test_four_addresses_show_no_callers_and_five_do(tmp_path: Path) -> None:
    """Below the policy's number each detection by source, and no other, is unknown instead of none."""
    assert _unknown(tmp_path, _callers(4)) == BY_SOURCE | UNKNOWN_ANYWAY
    assert _unknown(tmp_path, _callers(5)) == UNKNOWN_ANYWAY


def test_the_reason_says_how_many_there_are_and_what_would_decide(tmp_path: Path) -> None:
    """The number read, the number needed, and the declaration that stands for them."""
    found = detections(tmp_path, _callers(4)).set_index("detection")
    assert found.loc["A1", "reason"] == (
        "public addresses in the logs: 4; fewer than 5 may belong to a proxy, and the policy "
        'does not say that they are callers (clients = "real")'
    )


@pytest.mark.parametrize("address", ["10.0.0.{}", "100.64.1.{}", "[fd00::{}]"])
def test_private_addresses_do_not_count(address: str, tmp_path: Path) -> None:
    """However many addresses of networks that proxies have ask, they show no callers."""
    assert _unknown(tmp_path, _callers(9, address)) == BY_SOURCE | UNKNOWN_ANYWAY


def test_a_policy_may_declare_that_clients_are_callers(tmp_path: Path) -> None:
    """One address is enough if the policy says that it is the caller's, a private one, too."""
    assert _unknown(tmp_path, _callers(1), clients="real") == UNKNOWN_ANYWAY | {"A10"}
    assert _unknown(tmp_path, _callers(1, "10.0.0.{}"), clients="real") == UNKNOWN_ANYWAY | {"A10"}


def test_a_policy_without_the_number_shows_nothing(tmp_path: Path) -> None:
    """Where no number is stated none is enough."""
    found = detections(tmp_path, _callers(9), public_addresses=None).set_index("detection")
    assert found.loc["A1", "verdict"] == "unknown"
    assert "does not say how many public addresses" in found.loc["A1", "reason"]


def test_what_is_found_of_few_addresses_stays_found(tmp_path: Path) -> None:
    """A burst has its lines as evidence, whoever sent them."""
    burst = [(number * 20.0, "203.0.113.9", API, 401) for number in range(8)]
    assert verdicts(detections(tmp_path, [*_callers(1), *burst]))["A1"] == "found"


def test_one_source_shows_no_break_of_all(tmp_path: Path) -> None:
    """That all sources fail at once cannot be seen of a single one, nor its absence; of two it can."""
    alone = detections(tmp_path, _callers(1), clients="real").set_index("detection")
    assert alone.loc["A10", "verdict"] == "unknown"
    assert alone.loc["A10", "reason"] == "1 address in the logs, but this needs at least 2"
    assert verdicts(detections(tmp_path, _callers(2), clients="real"))["A10"] == "none"

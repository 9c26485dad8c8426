"""Failed logins that a message tells with an address count like refused requests, once each."""

from pathlib import Path

import pytest

from audit_lib.base.clock import iso
from audit_lib.logins.detections.needs import NEEDS, certain_messages
from tests.support.small_logs import START, Ask, detections, verdicts

EVIL, HOUR = "203.0.113.9", 3600
PROVEN = (
    "Invalid user x from",
    "maximum authentication attempts exceeded for x from",
    "Received disconnect from",
)
ENDS = {
    "Failed": " ssh2",
    "maximum": " ssh2 [preauth]",
    "Received": ":3: com.jcraft.jsch.JSchException: Auth fail [preauth]",
}
VISITS: list[Ask] = [(hour * HOUR, f"198.51.{hour % 9}.7", "/page", 200) for hour in range(24)]


def _told(at: float, client: str = EVIL, said: str = "Failed password for x from") -> str:
    instant = iso(START.fromtimestamp(START.timestamp() + at, START.tzinfo))
    end = ENDS.get(said.split(maxsplit=1)[0], "")
    return f"{instant} web1 sshd[7]: {said} {client} port 5{end}\n"


@pytest.mark.parametrize("visits", [VISITS, []])
def test_messages_with_an_address_are_a_burst(visits: list[Ask], tmp_path: Path) -> None:
    """Twelve messages of one address within a minute are a burst (A1), with or without any request."""
    told = [_told(HOUR + 5 * number) for number in range(12)]
    rows = detections(tmp_path, [*visits, *told], policy="generic").set_index("detection")
    assert rows.loc["A1", "verdict"] == "found"
    assert (rows.loc["A1", "subject"], rows.loc["A1", "count"]) == (EVIL, 12)


def test_a_login_that_is_told_and_refused_counts_once(tmp_path: Path) -> None:
    """Three refusals, each told in a message a second later, are three failures: no burst of five."""
    asks: list[Ask] = [(HOUR + 60 * number, EVIL, "/login", 401, "POST") for number in range(3)]
    told = [_told(HOUR + 60 * number + 1) for number in range(3)]
    assert verdicts(detections(tmp_path, [*VISITS, *asks, *told], policy="generic"))["A1"] == "unknown"


@pytest.mark.parametrize("said", PROVEN)
@pytest.mark.parametrize(("passwords", "count"), [(0, 12), (3, 12), (14, 14)])
def test_what_sshd_tells_without_a_password_is_a_burst(
    said: str, passwords: int, count: int, tmp_path: Path
) -> None:
    """Twelve unknown users, or sessions that failed, count once each, also beside passwords that failed."""
    told = [_told(HOUR + 4 * number, said=said) for number in range(12)]
    told += [_told(HOUR + 1 + 4 * number) for number in range(passwords)]
    found = detections(tmp_path, [*VISITS, *told], policy="generic").set_index("detection")
    assert (found.loc["A1", "verdict"], found.loc["A1", "count"]) == ("found", count)


@pytest.mark.parametrize(("declared", "verdict"), [(None, "unknown"), ("real", "found")])
def test_a_private_address_may_be_a_proxy(declared: str | None, verdict: str, tmp_path: Path) -> None:
    """Messages of a private address count only if the policy says that addresses are real."""
    told = [_told(HOUR + 5 * number, "10.0.0.5") for number in range(12)]
    found = detections(tmp_path, [*VISITS, *told], policy="generic", clients=declared)
    assert verdicts(found)["A1"] == verdict


@pytest.mark.parametrize(
    "message",
    [
        "web1 sshd[7]: Failed password for x from 192.0.2.1 port 5 ssh2\n",
        _told(HOUR, "10.0.0.5"),
        f"{iso(START)} app: password was wrong for x from 192.0.2.1\n",
    ],
    ids=["without a time", "of a private address", "in words that no format knows"],
)
def test_what_is_told_and_cannot_count_leaves_nothing_at_none(message: str, tmp_path: Path) -> None:
    """One such message may be of a burst: no detection of failed logins says "none", and each says why."""
    rows = detections(tmp_path, [*VISITS, message], policy="generic").set_index("detection")
    about = rows[rows.index.isin([name for name, needs in NEEDS.items() if certain_messages in needs])]
    assert "none" not in set(about["verdict"])
    assert about["reason"].str.contains("failed logins.*: 1").all()

"""Logs that tell of a failed login on two lines, with a host or a time of their own, are read whole."""

from pathlib import Path

import pandas as pd
import pytest

from audit_lib.logs.formats import load_formats
from audit_lib.logs.read import LogRead, read_logs
from audit_lib.settings import Login, LogSource, Project
from tests.support.log_lines import read_line

EVIL, USER = "203.0.113.7", "192.0.2.4"
FORM = Login("form", "POST", "/session", failed_statuses=(422,))


def _read(folder: Path, *lines: str) -> LogRead:
    (folder / "app.log").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    project = Project("test", folder, log_sources=(LogSource("app.log"),))
    return read_logs(project, None, load_formats().declaring((401, 403), (FORM,)))


def _begun(head: str, client: str, path: str = "/session") -> str:
    return f'{head}Started POST "{path}" for {client} at 2026-11-24 13:50:34 +0000'


def _logger(process: int, tags: str = "") -> str:
    return f"I, [2026-11-24T13:50:34.123456 #{process}]  INFO -- : {tags}"


ENDED = "Completed 422 Unprocessable Content in 21ms (Views: 1.0ms)"
TAGS = ("[0c6d8a7e-1b2c] ", "[77aa8a7e-9f00] ")


@pytest.mark.parametrize(
    "lines",
    [
        (_begun("", EVIL), "Processing by SessionsController#create as HTML", ENDED),
        (_begun(_logger(7), EVIL), _begun(_logger(8), USER), _logger(7) + ENDED),
        (_begun(_logger(7, TAGS[0]), EVIL), _begun(_logger(7, TAGS[1]), USER), _logger(7, TAGS[0]) + ENDED),
        (_begun(TAGS[0], EVIL), _begun(TAGS[1], USER), TAGS[0] + ENDED),
    ],
)
def test_what_begins_a_request_of_rails_and_its_end_are_one(lines: tuple[str, ...], tmp_path: Path) -> None:
    """By the request's tags, else by the process; its time is that of the request, too."""
    (row,) = _read(tmp_path, *lines).events.to_dict("records")
    shown = (row["kind"], row["status"], row["client"], row["method"], row["route"])
    assert shown == ("declared_failure", 422, EVIL, "POST", "/session")
    assert row["at"] >= pd.Timestamp("2026-11-24T13:50:34Z")


@pytest.mark.parametrize(
    ("lines", "client", "route"),
    [
        ((_begun(_logger(7), EVIL), _begun(_logger(7), USER), _logger(7) + ENDED), "", "/session"),
        ((_begun(_logger(7), EVIL), _logger(8) + ENDED), "", ""),
        (
            (f'  Parameters: {{"q"=>"Started POST "/session" for {EVIL} at 2026-11-24 13:50:34 +0000', ENDED),
            "",
            "",
        ),
    ],
)
def test_what_is_not_known_of_a_request_of_rails_is_not_guessed(
    lines: tuple[str, ...], client: str, route: str, tmp_path: Path
) -> None:
    """Two requests at once in a process share what they share; a parameter begins no request."""
    row = _read(tmp_path, *lines).counts.iloc[0]
    assert (row["status"], row["client"], row["route"]) == (422, client, route)


def _shown(line: str) -> tuple[str, str, str | None]:
    read = read_line(line)
    (event,) = read.events
    at = None if read.at is None else pd.Timestamp(read.at, unit="us", tz="UTC").isoformat()
    return event.kind, event.client, at


SYSLOG = "Nov 24 13:50:34 web1 "
OF_OLD = "authentication failure; logname= uid=0 euid=0 tty=NODEVssh ruser= rhost="
MARIADB = "8 [Warning] Access denied for user 'x'@'203.0.113.7' (using password: YES)"
NEST = "    WARN [AuthService] Failed login attempt for user x from ip address 203.0.113.7"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (f"{SYSLOG}sshd(pam_unix)[7]: {OF_OLD}{EVIL} ", ("login_failed", EVIL, None)),
        (f"{SYSLOG}sshd(pam_unix)[7]: {OF_OLD}{EVIL}  user=root", ("login_failed", EVIL, None)),
        (f"{SYSLOG}sshd(pam_unix)[7]: {OF_OLD}x.example.com", ("login_failed", "(not an address)", None)),
        (f"{SYSLOG}login(pam_unix)[7]: {OF_OLD} ", ("possible_login_failure", "", None)),
        (f"2026-02-01  5:13:11 {MARIADB}", ("login_failed", EVIL, "2026-02-01T05:13:11+00:00")),
        (f"2026-02-01 15:13:11 {MARIADB}", ("login_failed", EVIL, "2026-02-01T15:13:11+00:00")),
        (f"[Nest] 7  - 11/24/2026, 7:32:47 PM{NEST}", ("login_failed", EVIL, "2026-11-24T19:32:47+00:00")),
        (f"[Nest] 7  - 11/24/2026, 12:32:47 AM{NEST}", ("login_failed", EVIL, "2026-11-24T00:32:47+00:00")),
        (f"[Nest] 7  - 24/11/2026, 7:32:47 PM{NEST}", ("login_failed", EVIL, None)),
        (
            f"{SYSLOG}sshd[7]: Failed password for x from {EVIL} port 1 ssh2: from {USER} port 2 ssh2",
            ("login_failed", EVIL, None),
        ),
    ],
)
def test_a_failed_login_has_its_client_and_its_time(line: str, shown: tuple[str, str, str | None]) -> None:
    """PAM's host, an hour of one digit or with AM and PM, and the first address that sshd writes."""
    assert _shown(line) == shown

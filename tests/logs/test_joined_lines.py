"""Logs that tell of a failed login on two lines, with a host or a time of their own, are read whole."""

from pathlib import Path

import pandas as pd
import pytest

from audit_lib.logs.read import LogRead
from audit_lib.settings import Login
from tests.support.log_lines import FORMATS, read_folder, read_line
from tests.support.paths import rows_beside

EVIL = "203.0.113.7"
FORM = Login("form", "POST", "/session", failed_statuses=(422,))
CASES = rows_beside(__file__)


def _read(folder: Path, *lines: str) -> LogRead:
    (folder / "app.log").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return read_folder(folder, formats=FORMATS.declaring((401, 403), (FORM,)))


@pytest.mark.parametrize("lines", CASES["joined"])
def test_what_begins_a_request_of_rails_and_its_end_are_one(lines: list[str], tmp_path: Path) -> None:
    """By the request's tags, else by the process; its time is that of the request, too."""
    (row,) = _read(tmp_path, *lines).events.to_dict("records")
    shown = (row["kind"], row["status"], row["client"], row["method"], row["route"])
    assert shown == ("declared_failure", 422, EVIL, "POST", "/session")
    assert row["at"] >= pd.Timestamp("2026-11-24T13:50:34Z")


@pytest.mark.parametrize(("lines", "client", "route"), CASES["unknown"])
def test_what_is_not_known_of_a_request_of_rails_is_not_guessed(
    lines: list[str], client: str, route: str, tmp_path: Path
) -> None:
    """Two requests at once in a process share what they share; a parameter begins no request."""
    row = _read(tmp_path, *lines).counts.iloc[0]
    assert (row["status"], row["client"], row["route"]) == (422, client, route)


@pytest.mark.parametrize(("line", "shown"), CASES["logins"])
def test_a_failed_login_has_its_client_and_its_time(line: str, shown: list[str]) -> None:
    """PAM's host, an hour of one digit or with AM and PM, and the first address that sshd writes."""
    read = read_line(line)
    (event,) = read.events
    at = "" if read.at is None else pd.Timestamp(read.at, unit="us", tz="UTC").isoformat()
    assert [event.kind, event.client, at] == shown

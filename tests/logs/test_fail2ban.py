"""Web lines that fail2ban's own tests label, read from Debian's package where it is installed."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit_lib.logins.traffic import PROVEN_BY_SSH
from audit_lib.logs.line import LogEvent
from audit_lib.logs.values import clean_client
from tests.support.log_lines import read_line
from tests.support.paths import rows_beside

FOLDER = Path("/usr/lib/python3/dist-packages/fail2ban/tests/files/logs")
needs_package = pytest.mark.skipif(not FOLDER.is_dir(), reason="Debian's fail2ban is not installed")

CASES = rows_beside(__file__)
FILES: dict[str, list[str]] = CASES["files"]
# Lines that fail2ban wants banned and that speak of no login: TLS errors.
BEYOND = re.compile("ddos|extra|aggressive")  # modes of filters that look at more than logins
NO_LOGIN = re.compile(r"SSL_do_handshake|Hostname|hostname")


def _labelled(name: str) -> Iterator[tuple[bool, str, str]]:
    """Whether a line is a failure, whose, and the line."""
    label: dict[str, object] = {}
    mode = ""
    for line in (FOLDER / name).read_text("utf-8").splitlines():
        if line.startswith("# filterOptions:"):
            mode = line
        elif line.startswith("# failJSON:"):
            label = json.loads(line.partition(":")[2])
        elif line and not line.startswith("#") and label:
            if "normal" in mode or "{}" in mode or not BEYOND.search(mode):
                yield bool(label["match"]), str(label.get("host", "")), line
            label = {}


@needs_package
@pytest.mark.parametrize("name", FILES)
def test_labelled_failures_are_seen_with_their_client(name: str) -> None:
    """Each labelled failure of a login or a limit is seen, with the labelled address, and no line is lost.
    What must not match, an attacker's text in a path above all, is not counted as a failed login."""
    lines = [(match, host, line, read_line(line)) for match, host, line in _labelled(name)]
    missed, cried = [], set()
    for match, host, line, read in lines:
        shown = {(each.kind, each.client) for each in read.events}
        expected = {(kind, clean_client(host.encode())) for kind in FILES[name]}
        if match and not NO_LOGIN.search(line) and not shown & expected:
            missed.append(line)
        cried |= set() if match else {kind for kind, _ in shown}
    assert missed == []
    assert name not in ("apache-auth", "nginx-http-auth") or "login_failed" not in cried
    assert [line for _, _, line, read in lines if read.state == "not understood"] == []


@needs_package
def test_there_are_labelled_web_lines() -> None:
    """As many as were measured."""
    assert sum(len(list(_labelled(name))) for name in FILES) > 60


FAILED = {"login_failed", "unauthorized", "jwt_invalid"}
# fail2ban's filter of a server leaves these to that of PAM, which says itself that a login failed.
PAM_FAILURE = re.compile(
    r"(?:\(pam_unix\)\[\d+\]|pam_unix\(sshd:auth\)): authentication failure; .* rhost=[0-9.]+(?: |$)"
)


def _kind(event: LogEvent) -> str:
    """What an event counts as in detections: what a server of ssh proves without another line is one."""
    return "login_failed" if event.message in PROVEN_BY_SSH else event.kind


def _counted(names: list[str]) -> tuple[tuple[int, int], tuple[int, int], int]:
    """Labelled failures and others; of the first the failed logins, and with possible ones; of the others."""
    found = possible = cried = true = false = 0
    for name in names:
        for match, host, line in _labelled(name):
            shown = {(_kind(each), each.client) for each in read_line(line).events}
            client = clean_client(host.encode())
            failed = any(kind in FAILED and (not host or whose == client) for kind, whose in shown)
            if match:
                true += 1
                found += failed
                possible += failed or ("possible_login_failure", client) in shown
            else:
                false += 1
                cried += bool(FAILED & {kind for kind, _ in shown}) and not PAM_FAILURE.search(line)
    return (true, false), (found, possible), cried


@needs_package
@pytest.mark.parametrize("services", CASES["groups"])
def test_labelled_logins_are_found_as_often_as_measured(services: str) -> None:
    """So many labelled lines of login services are failed logins, or possible ones; so few of the rest.
    What is missed speaks of a connection, a TLS error or a refused path, not of a login (docs/accuracy.md).
    Of the five of the rest four tell of a failed login, whose connection's end is what fail2ban labels."""
    group = CASES["groups"][services]
    labelled, found, cried = _counted(group["names"])
    assert list(labelled) == group["labels"]
    assert list(found) >= group["least"]
    assert cried <= group["most"]

"""Web lines that fail2ban's own tests label, read from Debian's package where it is installed."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from audit_lib.logs.fields import clean_client
from audit_lib.logs.formats import load_formats
from audit_lib.logs.read_line import Line, read_line

FOLDER = Path("/usr/lib/python3/dist-packages/fail2ban/tests/files/logs")
FORMATS = load_formats()
needs_package = pytest.mark.skipif(not FOLDER.is_dir(), reason="Debian's fail2ban is not installed")

# Files, and what their true lines are here. What fail2ban calls a failure beyond a login is a notice.
FILES = {
    "apache-auth": {"login_failed", "notice"},
    "nginx-http-auth": {"login_failed"},
    "traefik-auth": {"unauthorized"},
    "nginx-limit-req": {"notice"},
    "haproxy-http-auth": {"unauthorized"},
}
# Lines that fail2ban wants banned and that speak of no login: TLS errors and faults of a digest's fields.
NO_LOGIN = re.compile(
    r"SSL_do_handshake|nonce|realm mismatch|unknown algorithm|invalid qop|Hostname|hostname"
)


def _labelled(name: str) -> Iterator[tuple[bool, str, str]]:
    """Whether a line is a failure, whose, and the line."""
    label: dict[str, object] = {}
    for line in (FOLDER / name).read_text("utf-8").splitlines():
        if line.startswith("# failJSON:"):
            label = json.loads(line.partition(":")[2])
        elif line and not line.startswith("#") and label:
            yield bool(label["match"]), str(label.get("host", "")), line
            label = {}


def _read(line: str) -> Line:
    return read_line(line.encode(), FORMATS, ZoneInfo("UTC"))


@needs_package
@pytest.mark.parametrize("name", FILES)
def test_labelled_failures_are_seen_with_their_client(name: str) -> None:
    """Each labelled failure that is one of a login or a limit is seen, with the labelled address."""
    missed = []
    for match, host, line in _labelled(name):
        shown = {(each.kind, each.client) for each in _read(line).events}
        expected = {(kind, clean_client(host.encode())) for kind in FILES[name]}
        if match and not NO_LOGIN.search(line) and not shown & expected:
            missed.append(line)
    assert missed == []


@needs_package
def test_every_labelled_web_line_is_read() -> None:
    """No line of these files is lost as not understood."""
    lines = [line for name in FILES for _, _, line in _labelled(name)]
    assert len(lines) > 60
    assert [line for line in lines if _read(line).state != "read"] == []


@needs_package
@pytest.mark.parametrize("name", ["apache-auth", "nginx-http-auth"])
def test_lines_labelled_as_no_failure_are_no_failed_login(name: str) -> None:
    """What must not match, an attacker's text in a path above all, is not counted as a failed login."""
    kinds = {each.kind for match, _, line in _labelled(name) if not match for each in _read(line).events}
    assert "login_failed" not in kinds

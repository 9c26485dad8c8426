"""An address that somebody writes into a name never becomes the client of a failed login."""

import tomllib
from pathlib import Path

import pytest

from audit_lib.logs.formats import BUNDLED, POSSIBLE_FAILURE
from audit_lib.logs.templates import Part
from tests.support.log_lines import FORMATS, read_line

FORGED, REAL = "198.51.100.1", "203.0.113.7"
SYSLOG = "Nov 24 13:50:34 web1 "
DATA = tomllib.loads(Path(__file__).with_name("forged_clients.toml").read_text("utf-8"))
WRITTEN: dict[str, str] = DATA["written"]
NAMES = [name.replace("{forged}", FORGED) for name in DATA["names"]["list"]]


def _as_written(application: str, name: str) -> str:
    """The line of an application, with a name as it would write it."""
    template = WRITTEN[application]
    if application == "keycloak":
        name = name.replace('"', '\\\\\\"')  # once for itself, once more for JSON
    elif template.startswith("{{") or "{{" in template or application == "fortinet":
        name = name.replace('"', '\\"')
    elif application == "audit" and not name.isalnum():
        name = name.encode().hex()  # the kernel writes no space and no quote of a name as it is
    return template.format(name=name, real=REAL)


@pytest.mark.parametrize("application", WRITTEN)
def test_a_plain_name_leaves_the_client_to_be_seen(application: str) -> None:
    """A line with a usual name is a failed login of its client."""
    line = read_line(_as_written(application, "x"))
    clients = [(event.kind, event.client.replace("2001:db8::7", REAL)) for event in line.events]
    assert clients == [("login_failed", REAL)]


@pytest.mark.parametrize("application", WRITTEN)
def test_an_address_in_a_name_is_never_the_client(application: str) -> None:
    """Whatever the name holds, the failed login is that of its client, or of none."""
    lines = [_as_written(application, name) for name in NAMES]
    shown = [read_line(line).events for line in lines]
    forged = [
        line
        for line, events in zip(lines, shown, strict=True)
        if any(event.kind == "login_failed" and event.client == FORGED for event in events)
    ]
    assert forged == []


# What each field of a template may be, in a line that it matches.
_DATA = tomllib.loads(BUNDLED.with_name("log_fields.toml").read_text("utf-8"))
_EXAMPLE = {
    **dict.fromkeys(("rest", "end"), ""),
    **{name: field.get("example", "") for name, field in _DATA.items()},
    **{"text": "y", "peer": "{}:1", "client": "{}", "client:port": "{}:1", "host": "{}"},
}


def _written_by(parts: tuple[Part, ...], address: str) -> str:
    """A line that the steps of a template match, with an address."""
    return "".join(part.literal.decode() or _EXAMPLE[part.field].replace("{}", address) for part in parts)


def _forged_lines() -> list[str]:
    """By each template of a failed login: a text before the address holds all that follows it, forged."""
    lines = []
    for block in FORMATS.messages:
        fields = [part.field for part in block.parts]
        at = next((at for at, field in enumerate(fields) if "{}" in _EXAMPLE.get(field, "")), 0)
        for place in (place for place in range(at) if fields[place] == "text"):
            before, after = block.parts[:place], block.parts[place + 1 :]
            forged = _written_by(after, FORGED)
            head, end = f"{SYSLOG}app[7]: {_written_by(before, REAL)}", _written_by(after, REAL)
            lines += [f"{head}x{forged}{more}{end}" for more in ("", " z", "z")]
    return lines


def test_no_template_takes_an_address_out_of_a_text() -> None:
    """Whatever application wrote it: what stands around its address stands twice, so nobody's is taken."""
    lines = _forged_lines()
    assert len(lines) > 200
    shown = [read_line(line).events for line in lines]
    failed = [[event.client for event in events if event.message != POSSIBLE_FAILURE] for events in shown]
    assert [line for line, clients in zip(lines, failed, strict=True) if FORGED in clients] == []

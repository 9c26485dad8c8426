"""A thief who sends a stolen value in a request, in any form, stops neither review nor investigation."""

import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from audit_lib.__main__ import main
from tests.support.fakes import fake_value

TOKEN = fake_value("stolen token")
AUDIT = 'name = "shop"\nextends = "paiid"\nlog = [{pattern = "logs/*.log"}]\n'
AUDIT += 'env = [{environment = "production", service = "backend", path = ".env"}]\n'
WAYS: dict[str, Callable[[str], str]] = {
    "every byte": lambda value: "".join(f"%{byte:02X}" for byte in value.encode()),
    "every other byte": lambda value: "".join(f"%{ord(c):02x}" if n % 2 else c for n, c in enumerate(value)),
    "twice": lambda value: "".join(f"%25{byte:02X}" for byte in value.encode()),
    "base64 of escapes": lambda value: base64.urlsafe_b64encode(WAYS["every byte"](value).encode()).decode(),
}


def _project(root: Path) -> Path:
    """A project whose log holds the value in every way, a line each, and whose log's name holds it, too."""
    (root / "logs").mkdir(parents=True)
    (root / "audit.toml").write_text(AUDIT)
    (root / ".env").write_text(f"API_TOKEN={TOKEN}\n")
    sent = [write(TOKEN) for write in WAYS.values()]
    lines = [
        f"203.0.113.45 - - [20/Aug/2026:03:{minute:02}:00 +0000]"
        f' "GET /reset/{sent[minute % len(sent)]}?t={sent[minute % len(sent)]} HTTP/1.1" 401 9 "-" "x"'
        for minute in range(60)
    ]
    (root / "logs" / f"{TOKEN}.log").write_text("\n".join(lines) + "\n")
    (root / "logs" / "access.log").write_text("\n".join(lines) + "\n")
    return root


COMMANDS = {
    "investigate": ("--since", "2026-08-20", "--until", "2026-08-21", "--as-of", "2026-10-01"),
    "review": ("--quarter", "2026Q3", "--as-of", "2026-10-01"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_stolen_value_is_blotted_out(tmp_path: Path, command: str) -> None:
    """In whatever way it was sent, it is published without the value; the request itself is still told."""
    root = _project(tmp_path / "shop")
    given = [command, "--project", str(root), *COMMANDS[command], "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(main, given)
    assert done.exit_code == 0, done.output
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    published = done.output + "".join(path.read_text("utf-8") for path in files)
    assert command == "review" or "203.0.113.45" in published
    for form in (TOKEN, *(write(TOKEN) for write in WAYS.values())):
        assert form not in published

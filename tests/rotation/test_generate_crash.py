"""A rotation of a pair, killed at any byte: each file is whole, the half is named, a second run mends it."""

import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from audit_lib.__main__ import main
from audit_lib.base.clock import iso
from tests.support.fakes import fake_value
from tests.support.paths import ROOT

OLD = fake_value("token")
PADDED = "# " + "x" * 1500 + "\n"  # so that the second file is larger than the ledger is by then
FILES = {"backend": f"API_TOKEN={OLD}\nLEVEL=info\n", "frontend": f"{PADDED}NEXT_PUBLIC_API_TOKEN={OLD}\n"}
# One child for each limit, forked once most is imported: the system kills it when a file gets longer.
# Python writes no caches (-B), so that it is a file of the project.
KILLED = """
import os, resource, signal, sys
from audit_lib.__main__ import main
import audit_lib.cli.open_project, audit_lib.rotation.change
for place in sys.argv[1:]:
    child = os.fork()
    if not child:
        limit = int(place.rpartition("at")[2])
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        main(["rotate", "new", "API_TOKEN", "--project", place, "--into", place + "/backend.env"])
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
LONGEST = 2400


def _project(root: Path) -> None:
    """An application with both halves of a pair, and a snapshot of them."""
    root.mkdir()
    layout = 'name = "app"\nextends = "paiid"\nenvironments = ["production"]\n'
    for service, text in FILES.items():
        (root / f"{service}.env").write_text(text, "utf-8")
        loader = "next" if service == "frontend" else "python-dotenv"
        layout += f'[[env]]\npath = "{service}.env"\nenvironment = "production"\nservice = "{service}"\n'
        layout += f'loader = "{loader}"\n'
    (root / "audit.toml").write_text(layout, "utf-8")
    # In a chain of its own: the one that the rotation is recorded in begins empty.
    assert _run(root, "snapshot", "--writer", "before").exit_code == 0


def _run(root: Path, *words: str) -> Result:
    return CliRunner().invoke(main, [*words, "--project", str(root)])


def _tokens(root: Path) -> list[str]:
    """What both files hold; each must be whole."""
    found = []
    for service, text in FILES.items():
        now = (root / f"{service}.env").read_text("utf-8")
        (token,) = re.findall(r"API_TOKEN=(.*)", now)
        assert now == text.replace(OLD, token)
        found.append(token)
    return found


@pytest.mark.skipif(sys.platform == "win32", reason="has no limits of a process")
def test_a_pair_that_is_killed_anywhere_is_named_and_mended(tmp_path: Path, long_run: bool) -> None:
    """At each byte old and old, new and old, or new and new; --check names the half; then it is whole."""
    _project(tmp_path / "app")
    limits = range(0, LONGEST, 1 if long_run else 149)
    places = []
    for limit in limits:
        places.append(tmp_path / f"at{limit}")
        shutil.copytree(tmp_path / "app", places[-1])
    command = [sys.executable, "-B", "-c", KILLED, *map(str, places)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    states = {}
    for place in places:
        one, other = _tokens(place)
        states[place] = (one != OLD, other != OLD)
        assert states[place] != (False, True)
        assert other in (one, OLD)
    assert set(states.values()) == {(False, False), (True, False), (True, True)}
    assert {"-25", "0"} <= set(done.stdout.split())  # SIGXFSZ, and one that went through

    halves = [place for place, state in states.items() if state == (True, False)]
    tomorrow = iso(datetime.now(UTC) + timedelta(days=1))
    told = _run(halves[0], "rotate", "check", "API_TOKEN", "--as-of", tomorrow).output
    assert "half done: one half of production: API_TOKEN in backend.env changed" in told
    for place in places[::25] if long_run else [places[0], halves[0], halves[-1], places[-1]]:
        mended = _run(place, "rotate", "new", "API_TOKEN", "--into", str(place / "backend.env"))
        assert mended.exit_code == 0, mended.output
        one, other = _tokens(place)
        assert one == other != OLD
        assert not list(place.glob("*.audit-lib-new"))
        verified = CliRunner().invoke(main, ["verify", str(place / ".audit" / "ledger")])
        assert verified.exit_code == 0, verified.output

"""What commands say fits the terminal, is coloured if that is wanted, and is plain whole lines elsewhere."""

import fcntl
import json
import os
import pty
import re
import struct
import sys
import termios
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path
from unittest.mock import patch

import pytest
from wcwidth import wcswidth

from audit_lib.__main__ import main
from audit_lib.base.in_words import progress_bar
from audit_lib.cli import leaks, review
from audit_lib.leaks.search import LeakCoverage
from audit_lib.leaks.tables import LeakAudit, LeakPlaces, Leaks
from tests.support import made_up_audit as frames
from tests.support.paths import GOLDEN

LONG = f"a/{'yes' * 25}/{'x' * 150}"
ROUTE = "/settings/profile/orders/invoices/history/of-the-year/by-month/as-a-table/in-full"
LINE = '203.0.113.9 - - [01/Aug/2026:10:00:00 +0000] "GET /{}-list{} HTTP/1.1" 401 12 "-" "x"\n'
STYLE, CURSOR = re.compile(r"\x1b\[[0-9;]*m"), re.compile(r"\x1b\[\?25[hl]")


@pytest.fixture(autouse=True)
def _usual_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)


def _on_terminal(write: Callable[[], object], columns: int) -> str:
    """What both streams show on a real terminal of so many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    with ThreadPoolExecutor(1) as threads:
        shown = threads.submit(_read_all, ours)
        with open(theirs, "w", encoding="utf-8") as stream:  # noqa: PTH123
            with patch.object(sys, "stderr", stream), patch.object(sys, "stdout", stream):
                write()
            stream.flush()
        return shown.result()


def _read_all(terminal: int) -> str:
    said = b""
    try:
        while data := os.read(terminal, 1 << 16):
            said += data
    except OSError:  # Linux, if nobody writes any more
        pass
    os.close(terminal)
    return said.decode("utf-8")


def _plain_lines(said: str) -> list[str]:
    """The lines without style; each state of a progress bar is one."""
    return re.split(r"[\r\n]+", CURSOR.sub("", STYLE.sub("", said)))


def _review(_: Path) -> None:
    review._say_review(json.loads((GOLDEN / "report.json").read_text("utf-8")), Path(LONG), "--project .")


def _failures(folder: Path) -> None:
    log = folder / "a.log"
    log.write_text("".join(LINE.format(letter, ROUTE) for letter in "abcdefghijklmnopqrstuvwxy"), "utf-8")
    main(["failures", str(log), "--by", "address,route"], standalone_mode=False)


@pytest.mark.parametrize("command", [_review, _failures])
@pytest.mark.parametrize("columns", [60, 80, 120])
def test_no_line_is_too_wide(command: Callable[..., None], columns: int, tmp_path: Path) -> None:
    """No line is wider than 60, 80 or 120 columns, however long or hostile a name; bold ends with a word."""
    said = _on_terminal(partial(command, tmp_path), columns)
    widths = [wcswidth(line) for line in _plain_lines(said)]
    assert not re.search(r"\w\x1b\[0m\w", said)
    assert min(widths) >= 0, "a control character reached the terminal"
    assert 0.75 * columns < max(widths) <= columns


def test_colour_is_as_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal is coloured, and not with NO_COLOR or a dumb one; what is said is the same."""
    coloured = _on_terminal(partial(_failures, tmp_path), 80)
    assert STYLE.search(coloured)
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        with monkeypatch.context() as terminal:
            terminal.setenv(name, value)
            plain = _on_terminal(partial(_failures, tmp_path), 80)
        assert not STYLE.search(plain)
        assert _plain_lines(plain) == _plain_lines(coloured)


def test_elsewhere_lines_are_whole_and_plain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What no terminal shows has no style, and the same bytes whatever the width: a line is never broken."""
    said = []
    for columns in ("40", "200"):
        with pytest.MonkeyPatch.context() as terminal:
            terminal.setenv("COLUMNS", columns)
            _review(tmp_path)
            _failures(tmp_path)
        said.append(capsys.readouterr())
    assert said[0] == said[1]
    assert "\x1b" not in "".join(said[0])
    assert f"published in {LONG}: " in said[0].out
    assert f"/a-list{ROUTE} " in said[0].out


def test_a_review_answers_first(capsys: pytest.CaptureFixture[str]) -> None:
    """The verdict, what to do first, the totals, and in the last line the page."""
    _review(Path())
    lines = capsys.readouterr().out.splitlines()
    order = ["Fail.", "  1. ", "  2. ", "published in ", f"Open {LONG}/report.html in a browser"]
    places = [next(i for i, line in enumerate(lines) if line.startswith(start)) for start in order]
    assert (places, places[0], places[-1]) == (sorted(places), 0, len(lines) - 1)


def test_leaks_claims_no_more_than_was_searched(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a leak the answer is "no leak" only if everything was searched; else the last line says so."""
    empty, whole = (Leaks.of([]), LeakPlaces.of([])), frames.leak_coverage()
    parts = whole.assign(state=["searched", "not searched", "searched"], reason=["", "may not be read", ""])
    leaks._say_leaks(LeakAudit(*empty, whole))
    assert capsys.readouterr().out.splitlines()[0] == "No leak"
    leaks._say_leaks(LeakAudit(*empty, LeakCoverage.checked(parts)))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("No leak was found, but not everything was searched")
    assert lines[2] == "not searched: 3 files: may not be read"
    assert lines[-1].startswith("do first: nothing, as far as was searched")


def test_a_long_work_shows_one_moving_bar_on_a_terminal_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """It says what is done and how far, at most as wide as the terminal; in a pipe nothing is shown."""

    def work() -> None:
        with progress_bar(0) as progress:
            for part, done in product(("bytes of logs", "files"), (1, 60, 100)):
                progress(part, done, 100)

    lines = _plain_lines(_on_terminal(work, 60))
    for part in ("bytes of logs", "files"):
        assert any(line.startswith(part) and line.rstrip().endswith(" 60%") for line in lines)
    assert max(map(wcswidth, lines)) <= 60
    work()
    assert capsys.readouterr().err == ""

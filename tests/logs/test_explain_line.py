"""A line that no format understands is shown by its shape, and by nothing that it says."""

import random
from pathlib import Path
from zoneinfo import ZoneInfo

from audit_lib.base.clock import Quarter
from audit_lib.logs.explain_line import shape_of, unread_lines
from audit_lib.logs.formats import load_formats
from audit_lib.logs.project_logs import read_logs
from audit_lib.settings import LogSource, Project
from tests.support import fakes

FORMATS = load_formats()


def test_a_shape_tells_no_letter_and_no_digit() -> None:
    """Runs of letters and digits become a, 0 or a0, all that is not ASCII one ?; nothing tells how long."""
    assert shape_of(b"?? POST /login/7f3a 401 [x]\n") == "?? a /a/a0 0 [a]"
    assert shape_of("möglich 12.5 %\n".encode()) == "a?a 0.0 %"
    chance = random.Random("shapes")
    for _ in range(200):
        secret = "".join(chance.choices("abcXYZ0189", k=chance.randrange(8, 60)))
        assert set(shape_of(secret.encode())) <= {"a", "0"}
        assert len(shape_of(secret.encode())) <= 2


def test_different_shapes_are_shown_up_to_three() -> None:
    """Lines of one shape are one, and what is understood has none; each such line is named by its number."""
    lines = [b"?? x 1\n", b"?? y 22\n", b"INFO: fine\n", b"!! x\n", b"\n", b"## x\n", b"%% x\n"]
    shapes, numbers = unread_lines(lines, FORMATS, ZoneInfo("UTC"))
    assert shapes == ("?? a 0", "!! a", "## a")
    assert numbers == (1, 2, 4, 6, 7)


def test_a_source_says_which_shapes_were_not_understood(tmp_path: Path) -> None:
    """The reason of its row has the shapes and no content."""
    secret = fakes.fake_value("shape")
    (tmp_path / "a.log").write_text(f"2026-08-01T00:00:00Z INFO: a\n?? password {secret}\n", "utf-8")
    (row,) = read_logs(Project("t", tmp_path, log_sources=(LogSource("a.log"),)), None).sources.itertuples()
    assert row.reason.startswith("not understood are lines such as `?? a ")
    assert secret not in row.reason


def test_lines_of_another_quarter_name_their_days(tmp_path: Path) -> None:
    """Where no line is of the quarter, the row says of which days they are."""
    text = "2026-01-05T00:00:00Z INFO: a\n2026-03-02T00:00:00Z INFO: b\n"
    (tmp_path / "a.log").write_text(text, "utf-8")
    project = Project("t", tmp_path, log_sources=(LogSource("a.log"),))
    (row,) = read_logs(project, Quarter.parse("2026Q3")).sources.itertuples()
    assert row.reason == "no line of 2026Q3: its lines are of 2026-01-05 to 2026-03-02"

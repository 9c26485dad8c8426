"""The line of a success is found again by its minute or day, client and route, and only where it stands."""

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit_lib.project import LogSource, Project
from audit_lib.sources import log_places
from audit_lib.sources.log_places import Wanted, find_lines, lines_between
from audit_lib.sources.logs import read_logs

LINES = (
    'INFO:     192.0.2.7:1 - "GET /api/orders HTTP/1.1" 200 OK',
    '2026-07-23 20:33:22 INFO:     192.0.2.7:1 - "GET /api/orders HTTP/1.1" 401 Unauthorized',
    '2026-07-23 20:33:23 INFO:     192.0.2.7:1 - "GET /api/orders HTTP/1.1" 200 OK',
    'INFO:     192.0.2.8:1 - "GET /api/orders HTTP/1.1" 200 OK',
    '2026-07-24 07:00:00 INFO:     192.0.2.7:1 - "GET /api/orders HTTP/1.1" 403 Forbidden',
    'INFO:     192.0.2.8:1 - "GET /api/orders HTTP/1.1" 200 OK',
    '2026-07-23 20:33:24 INFO:     192.0.2.9:1 - "GET /api/orders HTTP/1.1" 200 OK',
    '2026-07-25 07:00:00 INFO:     192.0.2.7:1 - "GET /api/orders HTTP/1.1" 403 Forbidden',
)
MINUTE = datetime(2026, 7, 23, 20, 33, tzinfo=UTC)


def instant(day: int) -> datetime:
    """The start of a day in July."""
    return datetime(2026, 7, day, tzinfo=UTC)


@pytest.mark.parametrize(
    ("since", "timed", "client", "line"),
    [
        (None, False, "192.0.2.7", 1),
        (MINUTE, True, "192.0.2.7", 3),
        (instant(23), False, "192.0.2.8", 4),
        (instant(24), False, "192.0.2.8", 6),
        (MINUTE, True, "192.0.2.9", 7),  # written late, among later events
        (MINUTE, True, "192.0.2.8", None),  # it carries no time, so it is not of this minute
        (instant(25), False, "192.0.2.8", None),
    ],
)
def test_a_success_is_found_where_it_stands(
    tmp_path: Path, since: datetime | None, timed: bool, client: str, line: int | None
) -> None:
    """A timed one in its minute, an untimed one on its day; what is not there is not."""
    (tmp_path / "a.log").write_text("\n".join(LINES) + "\n", "utf-8")
    project = Project("p", tmp_path, log_sources=(LogSource("*.log"),))
    wanted = Wanted("a.log", since, timed, frozenset([client]), frozenset(["/api/orders"]))
    assert find_lines(project, [wanted], read_logs(project, None).events) == [line]


def test_lines_keep_their_numbers_across_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """However the stream is cut, lines come with their own numbers, also the last without its end."""
    text = "".join(f"line {number}\n" for number in range(1, 40)) + "line 40"
    for size in (1, 7, 64, 4096):
        monkeypatch.setattr(log_places, "_CHUNK", size)
        got = dict(lines_between(io.BytesIO(text.encode()), [(12, 14), (40, 40)]))
        assert {number: got[number].decode() for number in (12, 13, 14, 40)} == {
            number: f"line {number}" for number in (12, 13, 14, 40)
        }
        assert all(line == f"line {number}".encode() for number, line in got.items())

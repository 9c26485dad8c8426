"""What is remembered of logs: the same frames, under the same contents and key alone, and no value."""

from pathlib import Path

import pandas as pd
import pytest

from audit_lib.ledger.keys import demo_key
from audit_lib.logs import read
from audit_lib.logs.files import LogFile
from audit_lib.logs.formats import LogFormats
from audit_lib.logs.read import cached_logs
from audit_lib.logs.tally import LogSums
from audit_lib.sample.story import drawn
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.settings import LogSource, Project

SECRET = drawn("a value in a log", 43)
LINES = (
    '2026-07-23 20:33:22 INFO:     192.0.2.7:1 - "GET /api/positions HTTP/1.1" 401 Unauthorized\n'
    f'2026-07-23 20:34:22 INFO:     192.0.2.7:1 - "GET /api/files/{SECRET}/x HTTP/1.1" 200 OK\n'
    'INFO:     192.0.2.8:1 - "GET /api/orders HTTP/1.1" 403 Forbidden\n'
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with one log."""
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "a.log").write_text(LINES, "utf-8")
    return Project("p", tmp_path / "p", log_sources=(LogSource("*.log"),))


def keeper(key: Key | None = None) -> Keeper:
    """A keeper of the value that the log shows."""
    made = Keeper(key or demo_key())
    made.take(SECRET)
    return made


def test_a_second_reading_gives_the_same_frames(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The logs are not read again, and every frame is equal, types and all."""
    first = cached_logs(project, keeper(), tmp_path / "cache")
    monkeypatch.setattr(read, "read_log", lambda *_: pytest.fail("a log was read again"))
    second = cached_logs(project, keeper(), tmp_path / "cache")
    for name in ("sources", "counts", "events", "minutes"):
        pd.testing.assert_frame_equal(getattr(first, name), getattr(second, name))


def test_a_log_that_grew_is_read_alone(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two logs the one that has a line more is read again, the other is not."""
    (project.root / "b.log").write_text(LINES.replace("192.0.2.7", "192.0.2.9"), "utf-8")
    cached_logs(project, keeper(), tmp_path / "cache")
    with (project.root / "a.log").open("a") as log:
        log.write(LINES)
    names: list[str] = []
    actual = read.read_log

    def noted(formats: LogFormats, file: LogFile) -> LogSums:
        names.append(file.name)
        return actual(formats, file)

    monkeypatch.setattr(read, "read_log", noted)
    again = cached_logs(project, keeper(), tmp_path / "cache")
    assert names == ["a.log"]
    assert again.counts["count"].sum() == 9


def test_the_cache_holds_no_value(project: Project, tmp_path: Path) -> None:
    """A value in a path is removed before anything is stored or shown."""
    logs = cached_logs(project, keeper(), tmp_path / "cache")
    stored = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert len(stored) == 1
    assert stored[0].stat().st_mode & 0o077 == 0
    assert SECRET.encode() not in stored[0].read_bytes()
    assert not logs.minutes["route"].str.contains(SECRET, regex=False).any()


@pytest.mark.parametrize("spoil", ["content", "byte", "key", "gone"])
def test_what_was_changed_is_read_again(project: Project, tmp_path: Path, spoil: str) -> None:
    """Another content, another key, a changed or lost cache: the truth is what the log says now."""
    cache = tmp_path / "cache"
    cached_logs(project, keeper(), cache)
    stored = next(path for path in cache.rglob("*") if path.is_file())
    with (project.root / "a.log").open("a") as log:
        log.write(LINES if spoil == "content" else "")
    if spoil == "byte":
        raw = bytearray(stored.read_bytes())
        raw[len(raw) // 2] ^= 1
        stored.write_bytes(raw)
    if spoil == "gone":
        stored.unlink()
    key = Key(bytes(range(32)), "file") if spoil == "key" else None
    again = cached_logs(project, keeper(key), cache)
    assert again.counts["count"].sum() == (6 if spoil == "content" else 3)
    assert (len(list(cache.rglob("*.log"))) == 2) is (spoil in ("content", "key"))


def test_under_a_throw_away_key_nothing_is_stored(project: Project, tmp_path: Path) -> None:
    """What could not be believed later is not written."""
    cached_logs(project, keeper(Key.throw_away()), tmp_path / "cache")
    assert not (tmp_path / "cache").exists()

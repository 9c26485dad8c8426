"""What the kernel keeps is kept where nobody else could have put it."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import FileLock

from audit_lib.base.compiled import own_cache


def _keep(path: Path, content: bytes) -> bytes:
    return own_cache.kept_or_made(path, lambda: content)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "audit_lib" / "kernel").mkdir(parents=True, mode=0o700)
    return tmp_path / "audit_lib" / "kernel"


def test_code_is_kept_for_its_owner_alone(folder: Path) -> None:
    """What is stored is read again, and nobody but its owner may read or write it."""
    assert own_cache.recall_own(folder / "a.o") is None
    assert _keep(folder / "a.o", b"code") == b"code"
    (kept,) = folder.glob("*.o")
    assert kept.stat().st_mode & 0o077 == 0
    assert own_cache.recall_own(folder / "a.o") == b"code"


def test_code_that_others_could_have_written_is_not_run(folder: Path) -> None:
    """A file or folder that others may write, and a link, are passed over."""
    _keep(folder / "a.o", b"code")
    (kept,) = folder.glob("*.o")
    kept.chmod(0o620)
    assert own_cache.recall_own(folder / "a.o") is None
    kept.chmod(0o600)
    folder.chmod(0o770)
    assert own_cache.recall_own(folder / "a.o") is None
    folder.chmod(0o700)
    kept.rename(folder / "other")
    kept.symlink_to(folder / "other")
    assert own_cache.recall_own(folder / "a.o") is None


def test_a_cache_that_cannot_be_written_is_done_without(folder: Path) -> None:
    """Without a folder for it the code is returned all the same."""
    (folder / "missing").write_text("no folder")
    assert _keep(folder / "missing" / "a.o", b"code") == b"code"


def test_a_code_that_lost_its_end_is_not_run(folder: Path) -> None:
    """What is not as it was written, as after a power failure, is compiled anew."""
    _keep(folder / "a.o", b"code")
    (kept,) = folder.glob("*.o")
    for damaged in (kept.read_bytes()[:-1], b"", b"\0" * 36):
        kept.write_bytes(damaged)
        assert own_cache.recall_own(folder / "a.o") is None


def test_only_the_newest_codes_are_kept(folder: Path) -> None:
    """Codes of other versions do not pile up."""
    for number in range(20):
        (folder / f"{number}.o").write_bytes(b"old")
    _keep(folder / "a.o", b"code")
    assert len(list(folder.glob("*.o"))) == own_cache._KEPT
    assert own_cache.recall_own(folder / "a.o") == b"code"


def test_of_several_processes_one_makes_it(folder: Path) -> None:
    """Whoever finds another at it waits, and takes what that one kept."""
    with ThreadPoolExecutor(1) as threads:
        with FileLock(folder / own_cache._LOCK):
            waiting = threads.submit(_keep, folder / "a.o", b"ours")
            with pytest.raises(TimeoutError):
                waiting.result(0.1)
            own_cache._keep(folder / "a.o", b"theirs")
        assert waiting.result(60) == b"theirs"

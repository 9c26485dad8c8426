"""What is kept between runs is believed by its MAC: under the same secret, by the same code."""

import shutil
from functools import partial
from pathlib import Path

import pytest

import audit_lib
from audit_lib.base import cache
from audit_lib.base.cache import Cache, recall_state, remember_state

PACKAGE = Path(audit_lib.__file__).parent


def _cache(folder: Path, secret: bytes = b"secret") -> Cache:
    return Cache(folder, secret, "kept", 9)


def test_only_the_same_secret_and_bytes_are_believed(tmp_path: Path) -> None:
    """The newest that were kept come back; under another secret, cut short or changed they do not."""
    kept, other = _cache(tmp_path), _cache(tmp_path, b"other")
    for number in range(12):
        kept.keep(f"older {number}", b"x")
    kept.keep("a", b"found")
    assert len(list(tmp_path.glob("*.kept"))) == 9
    assert (kept.recall("a"), other.recall("a")) == (b"found", None)
    content = (tmp_path / "a.kept").read_bytes()
    for changed in (content[:-1], content + b"!", content[:-1] + b"X", b""):
        (tmp_path / "a.kept").write_bytes(changed)
        assert kept.recall("a") is None
    name = kept.name("project", "digest")
    assert name not in {kept.name("project", "other"), other.name("project", "digest")}
    assert "project" not in name


def test_other_code_or_rules_believe_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed module or data file may find otherwise; what Python compiles changes nothing."""
    copy = tmp_path / "audit_lib"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(audit_lib, "__file__", str(copy / "__init__.py"))
    monkeypatch.setattr(cache, "_program", cache._program.__wrapped__)
    for name in ("base/errors.py", "base/new", "base/__pycache__/errors.cpython-311.pyc"):
        _cache(tmp_path).keep("a", b"found")
        (copy / name).parent.mkdir(exist_ok=True)
        with (copy / name).open("a") as file:
            file.write("\n")
        assert _cache(tmp_path).recall("a") == (b"found" if name.endswith(".pyc") else None)


def test_state_of_another_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered comes back, unless others may write the file, it is a link, large, or no table."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    path = tmp_path / "audit_lib" / "a.json"
    assert remember_state("a", {"x": 1})
    assert recall_state("a") == {"x": 1}
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    texts = ("[", "[1]", " " * (4 << 20) + '{"x": 1}')
    spoils = (partial(path.chmod, 0o620), partial(path.chmod, 0o602), partial(_link, path))
    for spoil in (*spoils, *(partial(path.write_text, text) for text in texts)):
        spoil()
        assert recall_state("a") == {}
        path.unlink()
        remember_state("a", {"x": 1})
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert (remember_state("b", {"x": 2}), recall_state("b")) == (True, {"x": 2})
    assert (tmp_path / "home/.local/state/audit_lib/b.json").is_file()
    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null")
    assert (remember_state("a", {"x": 1}), recall_state("a")) == (False, {})


def _link(path: Path) -> None:
    path.symlink_to(path.rename(path.with_name("b")))

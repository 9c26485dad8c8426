"""What is kept in the user's cache is believed by its MAC: under the same secret, by the same code."""

import shutil
from pathlib import Path

import pytest

import audit_lib
from audit_lib.base import cache_folder
from audit_lib.base.cache_folder import keep, recall

PACKAGE = Path(audit_lib.__file__).parent


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package, in whose name is kept and recalled."""
    copy = tmp_path / "audit_lib"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(audit_lib, "__file__", str(copy / "__init__.py"))
    monkeypatch.setattr(cache_folder, "_program", cache_folder._program.__wrapped__)
    return copy


def test_only_the_same_secret_and_bytes_are_believed(tmp_path: Path) -> None:
    """What was kept comes back; under another secret, cut short or changed it does not."""
    path = tmp_path / "one.kept"
    keep(path, b"secret", b"found")
    assert recall(path, b"secret") == b"found"
    assert recall(path, b"other") is None
    content = path.read_bytes()
    for changed in (content[:-1], content + b"!", content[:-1] + b"X", b""):
        path.write_bytes(changed)
        assert recall(path, b"secret") is None


@pytest.mark.parametrize(
    "name", ["leaks/looks_secret.py", "leaks/secret_patterns.yml", "logs/log_formats.toml"]
)
def test_other_code_or_rules_believe_nothing(copied: Path, tmp_path: Path, name: str) -> None:
    """A changed module or file of rules may find otherwise: what was kept before it is made anew."""
    path = tmp_path / "one.kept"
    keep(path, b"secret", b"found")
    assert recall(path, b"secret") == b"found"
    with (copied / name).open("a") as file:
        file.write("\n")
    assert recall(path, b"secret") is None


def test_what_python_compiles_changes_nothing(copied: Path, tmp_path: Path) -> None:
    """The first import of an installed package writes its bytecode beside it."""
    path = tmp_path / "one.kept"
    keep(path, b"secret", b"found")
    (copied / "base" / "__pycache__").mkdir()
    (copied / "base" / "__pycache__" / "errors.cpython-311.pyc").write_bytes(b"code")
    assert recall(path, b"secret") == b"found"

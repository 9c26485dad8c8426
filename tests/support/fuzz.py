"""Spoils good files by seeds, for each reader: `python -m tests.support.fuzz FIRST COUNT READER…`.

A reader may refuse what it is given, by an error of the audit's own family, and nothing else. Each seed is
printed before it is tried, so that the last one printed is the one that hung or died."""

import bz2
import gzip
import io
import json
import lzma
import random
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import zstandard

from audit_lib.base.archives import unpack
from audit_lib.base.bounded import parse_toml
from audit_lib.base.errors import AuditError
from audit_lib.findings.reviews import read_previous
from audit_lib.leaks.sources import History, Reading, object_sources
from audit_lib.ledger import append, read_ledger
from audit_lib.secrecy.redact import Redactor
from audit_lib.secrecy.seal import views
from audit_lib.secrets.env import is_binary, parse_env
from audit_lib.secrets.loaders import READERS as LOADERS
from audit_lib.settings import load_policy, load_project
from audit_lib.settings.load import POLICIES
from audit_lib.settings.variables import in_code, in_env_text
from tests.ledger.test_ledger import KEY, days, decision
from tests.support.fakes import fake_value
from tests.support.packed import tarred
from tests.support.paths import rows_beside
from tests.support.planter import new_plot

TEXT = b"one line of text\n" * 40
_ROWS = rows_beside(__file__)
TOKENS = [token.encode("latin-1") for token in _ROWS["tokens"]]
FILES = {name: text.encode() for name, text in _ROWS["files"].items()}


def spoilt(good: bytes, rng: random.Random) -> bytes:
    """The bytes with some of them changed, cut, repeated or replaced by what parsers stumble over."""
    data = bytearray(good)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at = rng.randrange(len(data) + 1)
        end = min(len(data), at + rng.choice((1, 2, 8, 64)))
        ways: tuple[Callable[[], tuple[int, int, bytes]], ...] = (
            lambda at=at, end=end: (at, end, rng.randbytes(end - at)),
            lambda at=at, end=end: (at, end, b""),
            lambda at=at: (at, at, rng.choice(TOKENS) * rng.choice((1, 2, 40, 3000))),
            lambda at=at, end=end: (at, at, bytes(data[at:end]) * rng.choice((2, 50, 1000))),
            lambda at=at, end=end: (at, end, rng.choice((b"\xff", b"\0", b"7")) * (end - at)),
            lambda at=at: (at + rng.randrange(len(data) - at + 1) + 1, len(data), b""),
        )
        begin, stop, put = rng.choice(ways)()
        data[begin:stop] = put
    return bytes(data[: 1 << 20])


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
            archive.writestr(f"{method}.txt", TEXT, method)
    return buffer.getvalue()


def _put(folder: Path, name: str, data: bytes) -> Path:
    (folder / name).write_bytes(data)
    return folder / name


def _env(data: bytes, folder: Path) -> None:
    list(in_env_text(data.decode("utf-8", "replace"), "e", example=True))
    if not is_binary(data):
        parse_env(data, tuple(LOADERS))


def _ledger(data: bytes, folder: Path) -> None:
    for key in (None, KEY):
        read_ledger(_put(folder, "alice.jsonl", data).parent, key)


def _notebook(data: bytes, folder: Path) -> None:
    list(views("n.ipynb", data, set()))
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        return
    Redactor({"v": fake_value("fuzz")}).tree(content)


def _git(data: bytes, folder: Path) -> None:
    """The first byte says which file of a small repository the others replace."""
    with tempfile.TemporaryDirectory(dir=folder) as copied:
        root = Path(shutil.copytree(_repository(), copied, dirs_exist_ok=True))
        files = sorted(
            path for path in (root / ".git").rglob("*") if path.is_file() and "hooks" not in path.parts
        )
        spoil = files[(data[0] if data else 0) % len(files)]
        spoil.chmod(0o600)
        spoil.write_bytes(spoilt(spoil.read_bytes(), random.Random(data)))
        history = History.of(root)
        for _ in object_sources(root, list(history.objects), Reading()):
            pass
        history.limits()


@cache
def _repository() -> Path:
    plot = new_plot(Path(tempfile.mkdtemp(prefix="audit-fuzzed-")))
    for number in range(4):
        plot.commit("a.txt", "line\n" * 200 + str(number))
        if number == 2:
            plot.git("gc", "-q")
    return plot.root


def _three_entries() -> bytes:
    """The file of a good chain of three entries."""
    with tempfile.TemporaryDirectory() as folder:
        for number in range(3):
            append(Path(folder), KEY, decision(number), days(number), "alice")
        return Path(folder, "alice.jsonl").read_bytes()


GENERIC = (POLICIES / "generic.toml").read_bytes()
TAR = tarred(TEXT, "a.txt", "b" * 150, "ü" * 60)
ARCHIVES = {
    **{"gzip": gzip.compress(TEXT, mtime=0), "bzip2": bz2.compress(TEXT), "xz": lzma.compress(TEXT)},
    **{"zstd": zstandard.compress(TEXT), "tar": TAR, "tar.gz": gzip.compress(TAR, mtime=0), "zip": _zip()},
}
# By name a good file, and what reads it in a folder.
GOOD: dict[str, bytes] = FILES | ARCHIVES | {"toml": GENERIC, "policy": GENERIC}
GOOD |= {"ledger": _three_entries(), "git": bytes(range(256))}
READERS: dict[str, Callable[[bytes, Path], object]] = {
    "toml": lambda data, _: parse_toml(data, "x.toml"),
    "layout": lambda data, folder: load_project(_put(folder, "audit.toml", data).parent, sample=True),
    "policy": lambda data, folder: load_policy(_put(folder, "own.toml", data)),
    "env": _env,
    "compose": lambda data, _: list(in_code(data.decode("utf-8", "replace"), "compose.yml", [])),
    "ledger": _ledger,
    "report": lambda data, folder: read_previous(_put(folder, "report.json", data), "x", KEY),
    "notebook": _notebook,
    "git": _git,
    **dict.fromkeys(ARCHIVES, lambda data, _: list(unpack(data, []))),
}


def main() -> None:
    """Try seeds one after the other, of each reader that is named behind their first and their number."""
    first, count, *readers = sys.argv[1:]
    for reader in readers:
        # git starts processes, and so has a quarter of the seeds.
        for seed in range(int(first), int(first) + max(1, int(count) // (4 if reader == "git" else 1))):
            print(f"{reader}, seed {seed}", flush=True)
            rng = random.Random(f"{reader} {seed}")
            data = rng.randbytes(16) if reader == "git" else spoilt(GOOD[reader], rng)
            with tempfile.TemporaryDirectory() as folder, suppress(AuditError):
                READERS[reader](data, Path(folder))


if __name__ == "__main__":
    main()

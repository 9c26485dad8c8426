"""Files that are made to hang or fill whoever reads them: each command ends, within its bounds."""

import bz2
import gzip
import io
import lzma
import os
import re
import struct
import subprocess
import sys
import tomllib
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.fakes import fake_value
from tests.support.homes import with_rules
from tests.support.packed import gzip_zeros, tar_block

CPU_SECONDS = 20  # of a command as a whole, its start and all its sources; a hang takes for ever
WALL_SECONDS = 300  # a net for what waits without working, generous on a busy machine
MEMORY = 6 << 30  # of address space
RESIDENT_KB = 1_500_000
LAYOUT = '\n[[env]]\npath = ".env"\nservice = "x"\nenvironment = "production"\n'

# Starts once, and gives each command a process of its own, since a start takes longer than most cases.
EACH = """
import os, resource, sys
from audit_lib.__main__ import run
import audit_lib.cli.leaks, audit_lib.cli.records
seconds, memory, *given = sys.argv[1:]
for command, project in zip(given[::2], given[1::2]):
    if not (child := os.fork()):
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds),) * 2)
        resource.setrlimit(resource.RLIMIT_AS, (int(memory),) * 2)
        sys.argv = ["audit-lib", command, "--project", project]
        run()
    _, status, used = os.wait4(child, 0)
    print(project, os.waitstatus_to_exitcode(status), used.ru_maxrss, flush=True)
"""


def _packed(packer: Any, *blocks: bytes) -> bytes:
    return b"".join([*map(packer.compress, blocks), packer.flush()])


def _many_members() -> bytes:
    facts = (20, 3, 20, 0, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0)
    folder = (struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", *facts) + b"a") * 500_000
    zip64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 500_000, 500_000, len(folder), 30)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, 30 + len(folder), 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 65535, 65535, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return b"PK\3\4".ljust(30, b"\0") + folder + zip64 + locator + end


def _zip_of_zeros(method: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive, archive.open("a", "w", force_zip64=True) as member:
        member.writelines([ZEROS] * 400)
    return buffer.getvalue()


ZEROS = bytes(1 << 20)
PAX = tar_block("x", b"x", 512) + b"19 path=aaaaaaaaaa\n".ljust(512, b"\0")
# What text cannot say: a file, and how its bytes are made. All are for `leaks`; `slow` ones run with --long.
BYTES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "100,000 extended headers in a row": ("a.tar.gz", lambda: gzip.compress(PAX * 100_000, 1)),
    "500,000 members": ("a.zip", _many_members),
    "2,000,000 empty streams": ("a.gz", lambda: gzip.compress(b"", 9) * 2_000_000),
    "slow: a pax header of 8 MB of digits": (
        "a.tar.gz",
        lambda: gzip.compress(tar_block("x", b"x", 8 << 20) + b"1" * (8 << 20) + tar_block("a", b"0", 0), 9),
    ),
    "slow: a GNU long name of 1 GiB": (
        "a.tar.gz",
        lambda: _packed(zlib.compressobj(9, wbits=31), tar_block("x", b"L", 1 << 30), *[b"a" * 2**20] * 1024),
    ),
    "slow: a zip in bzip2 that grows 100,000 times": ("a.zip", lambda: _zip_of_zeros(zipfile.ZIP_BZIP2)),
    "slow: a zip in lzma that grows 10,000 times": ("a.zip", lambda: _zip_of_zeros(zipfile.ZIP_LZMA)),
    "slow: 30 files of 1 MB that expand to 30 GB": ("a«n».gz", lambda: gzip_zeros(1 << 30)),
    "slow: 1.2 GB of zeros": ("a.xz", lambda: _packed(lzma.LZMACompressor(preset=0), *[ZEROS] * 1200)),
    "slow: 4 GB of zeros": ("a.bz2", lambda: bz2.compress(bytes(900_000)) * 4000),
}
TEXTS: list[dict[str, Any]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))["case"]
CASES = {one["name"]: one for one in TEXTS} | {
    name: {"command": "leaks", "files": {file: made}, "copies": 30, "slow": name.startswith("slow: ")}
    for name, (file, made) in BYTES.items()
}
SLOW = [name for name, case in CASES.items() if case.get("slow")]
_MARK = re.compile(r"«(?:([^«»]+)×(\d+)|v(\d+)|([nm]))»")


def _write(case: dict[str, Any], root: Path) -> None:
    for path, made in case["files"].items():
        for copy in range(case.get("copies", 1) if "«n»" in path else 1):
            content = made() if callable(made) else "".join(_spelt(piece, copy) for piece in made).encode()
            target = root / path.replace("«n»", str(copy))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)


def _spelt(piece: Any, copy: int) -> str:
    """The piece so often, each time with its number."""
    if piece == "layout":
        return LAYOUT
    text, times = piece
    numbered = range(times) if "«n»" in text else [0]
    return "".join(_marked(text, number, copy) for number in numbered) * (times // len(numbered))


def _marked(text: str, number: int, copy: int) -> str:
    def mark(found: re.Match[str]) -> str:
        repeated, times, length, counter = found.groups()
        if counter:
            return str(number + (counter == "m"))
        return repeated * int(times) if repeated else fake_value((copy, number), int(length))

    return _MARK.sub(mark, text)


def _ended(projects: dict[Path, str], home: Path) -> Iterator[tuple[int, int]]:
    """How the command ended on each project: exit code and peak of memory in KB; none says "internal"."""
    cache = with_rules(home) / ".cache"
    homes = {"HOME": str(home), "AUDIT_KEY_FILE": str(home / "key"), "XDG_CACHE_HOME": str(cache)}
    given = [str(word) for project, command in projects.items() for word in (command, project)]
    run = subprocess.run(
        [sys.executable, "-P", "-c", EACH, str(CPU_SECONDS), str(MEMORY), *given],
        env=os.environ | homes,
        capture_output=True,
        text=True,
        timeout=WALL_SECONDS,
        check=False,
    )
    assert "internal error" not in run.stderr
    for project in projects:
        found = re.search(rf"(?m)^{re.escape(str(project))} (-?\d+) (\d+)$", run.stdout)
        assert found, (project.name, run.stderr[-300:])
        yield int(found[1]), int(found[2])


def _hold(folder: Path, *names: str) -> None:
    """Each command ends by itself with an exit code of its own, in bounded memory, and shows no internals."""
    projects = {folder / str(number): CASES[name]["command"] for number, name in enumerate(names)}
    for name, project in zip(names, projects, strict=True):
        project.mkdir()
        _write(CASES[name], project)
    ended = zip(names, _ended(projects, folder), strict=True)
    assert [held for held in ended if held[1][0] not in (0, 2) or held[1][1] >= RESIDENT_KB] == []


def test_no_file_of_a_project_makes_a_command_hang_or_die(tmp_path: Path) -> None:
    """All that is quick to make, in one process that starts one for each."""
    _hold(tmp_path, *(name for name in CASES if name not in SLOW))


@pytest.mark.long
@pytest.mark.parametrize("name", SLOW)
def test_no_file_that_is_slow_to_make_does_either(name: str, tmp_path: Path) -> None:
    """As the others."""
    _hold(tmp_path, name)

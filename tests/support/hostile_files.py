"""Small generators of files that are made to hang, fill or break whoever reads them; nothing is committed."""

import bz2
import gzip
import io
import lzma
import re
import struct
import tomllib
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.support.fakes import fake_value

LAYOUT = '\n[[env]]\npath = ".env"\nservice = "x"\nenvironment = "production"\n'
_MARK = re.compile(r"«(?:([^«»]+)×(\d+)|v(\d+)|[nm])»")


@dataclass(frozen=True)
class Case:
    """What writes its files into a project's folder, and the command that they were made for."""

    name: str
    command: str
    is_slow: bool
    write: Callable[[Path], None]


def write(root: Path, path: str, content: bytes | str) -> None:
    """A file of the project, with its folders."""
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content.encode() if isinstance(content, str) else content)


def _of_texts(row: dict[str, Any]) -> Case:
    """A case of the table."""
    files, copies = row["files"], row.get("copies", 1)
    return Case(row["name"], row["command"], "slow" in row, partial(_write_texts, files, copies))


def _write_texts(files: dict[str, list[Any]], copies: int, root: Path) -> None:
    for path, pieces in files.items():
        for copy in range(copies if "«n»" in path else 1):
            text = "".join(LAYOUT if piece == "layout" else _repeated(*piece, copy) for piece in pieces)
            write(root, path.replace("«n»", str(copy)), text)


def _repeated(piece: str, times: int, copy: int) -> str:
    """The piece so often, each time with its number."""

    def spelt(number: int) -> str:
        def mark(found: re.Match[str]) -> str:
            if found[1]:
                return found[1] * int(found[2])
            return (
                fake_value((copy, number), int(found[3])) if found[3] else str(number + (found[0] == "«m»"))
            )

        return _MARK.sub(mark, piece)

    if "«n»" not in piece:
        return spelt(0) * times
    return "".join(map(spelt, range(times)))


def tar_block(name: bytes, kind: bytes, size: int) -> bytes:
    """The header of one tar member, as a GNU tar writes it."""
    head = bytearray(512)
    head[: len(name)] = name
    head[100:108], head[108:116], head[116:124] = b"0000644\0", b"0000000\0", b"0000000\0"
    head[124:136] = b"%011o\0" % size
    head[136:148] = b"%011o\0" % 0
    head[156:157] = kind
    head[257:265] = b"ustar  \0"
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head)


def _packed(packer: Any, *blocks: bytes) -> bytes:
    """The blocks compressed, one after the other."""
    return b"".join([*map(packer.compress, blocks), packer.flush()])


def gzip_zeros(size: int) -> bytes:
    """A gzip of zeros."""
    return _packed(zlib.compressobj(9, zlib.DEFLATED, 31), *[bytes(1 << 20)] * (size >> 20))


def _pax_digits(root: Path) -> None:
    digits = b"1" * (8 << 20)
    content = tar_block(b"x", b"x", len(digits)) + digits + tar_block(b"a", b"0", 0) + bytes(1024)
    write(root, "a.tar.gz", gzip.compress(content, 9))


def _long_name(root: Path) -> None:
    name = [b"a" * (1 << 20)] * (1 << 10)
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    write(root, "a.tar.gz", _packed(packer, tar_block(b"x", b"L", 1 << 30), *name))


def _chained_headers(root: Path) -> None:
    header = tar_block(b"x", b"x", 512) + b"19 path=aaaaaaaaaa\n".ljust(512, b"\0")
    write(root, "a.tar.gz", gzip.compress(header * 100_000, 1))


def _many_members(root: Path) -> None:
    facts = (20, 3, 20, 0, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0)
    folder = (struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", *facts) + b"a") * 500_000
    zip64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 500_000, 500_000, len(folder), 30)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, 30 + len(folder), 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 65535, 65535, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    write(root, "a.zip", b"PK\3\4".ljust(30, b"\0") + folder + zip64 + locator + end)


def _zip_of_zeros(method: int, root: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive, archive.open("a", "w", force_zip64=True) as member:
        for _ in range(400):
            member.write(bytes(1 << 20))
    write(root, "a.zip", buffer.getvalue())


def _bombs(root: Path) -> None:
    bomb = gzip_zeros(1 << 30)
    for number in range(30):
        write(root, f"a{number}.gz", bomb)


def _xz_bomb(root: Path) -> None:
    write(root, "a.xz", _packed(lzma.LZMACompressor(preset=0), *[bytes(1 << 20)] * 1200))
    write(root, "a.bz2", bz2.compress(bytes(900_000)) * 4000)


def _empty_streams(root: Path) -> None:
    write(root, "a.gz", gzip.compress(b"", 9) * 2_000_000)


CASES = (
    Case("a tar.gz whose pax header is 8 MB of digits", "leaks", True, _pax_digits),
    Case("a tar.gz with a GNU long name of 1 GiB", "leaks", True, _long_name),
    Case("a tar of 100,000 extended headers in a row", "leaks", False, _chained_headers),
    Case("a zip with 500,000 members", "leaks", False, _many_members),
    Case("a zip in bzip2 that grows 100,000 times", "leaks", True, partial(_zip_of_zeros, zipfile.ZIP_BZIP2)),
    Case("a zip in lzma that grows 10,000 times", "leaks", True, partial(_zip_of_zeros, zipfile.ZIP_LZMA)),
    Case("30 files of 1 MB that expand to 30 GB", "leaks", True, _bombs),
    Case("an xz of 1.2 GB and a bzip2 of 4 GB of zeros", "leaks", True, _xz_bomb),
    Case("a gzip of 2,000,000 empty streams", "leaks", False, _empty_streams),
    *map(_of_texts, tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))["case"]),
)

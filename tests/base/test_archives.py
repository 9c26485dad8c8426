"""What is packed in a file is read, within bounds, or said not to be."""

import bz2
import gzip
import io
import lzma
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from contextlib import nullcontext
from itertools import pairwise

import pytest
import zstandard

from audit_lib.base import archives
from audit_lib.base.archives import PIECE, Budget, LogStream, kind_of, unpack
from audit_lib.base.files import Unreadable
from tests.support.packed import gzip_zeros, tar_block, zipped

MB = 1 << 20
SOUGHT = b"what is sought"


def _tar(
    layout: int = tarfile.GNU_FORMAT, name: str = "a", content: bytes = SOUGHT, target: str = ""
) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=layout) as archive:
        entry, link = tarfile.TarInfo(name), tarfile.TarInfo("link")
        entry.size, link.type, link.linkname = len(content), tarfile.SYMTYPE, target
        archive.addfile(entry, io.BytesIO(content))
        archive.addfile(link)
    return buffer.getvalue()


def _png(kind: bytes, content: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + len(content).to_bytes(4, "big") + kind + content + bytes(4)


def _pdf(stream: bytes, dictionary: bytes) -> bytes:
    return b"%PDF-1.7\n1 0 obj\n<< " + dictionary + b" >>\nstream\n" + stream + b"\nendstream\nendobj\n"


def _nested(depth: int) -> bytes:
    return zipped(_nested(depth - 1), "inner.zip", zipfile.ZIP_STORED) if depth else SOUGHT


OPENED = {
    "gzip": gzip.compress(SOUGHT), "a second gzip member": gzip.compress(b"x") + gzip.compress(SOUGHT),
    "bz2": bz2.compress(SOUGHT), "xz": lzma.compress(SOUGHT), "zstd": zstandard.compress(SOUGHT),
    "tar": _tar(), "tar, pax, a long name": _tar(tarfile.PAX_FORMAT, "long/" * 40),
    "tar.gz": gzip.compress(_tar()), "a name in a tar": _tar(name=SOUGHT.decode()),
    "a link in a tar": _tar(content=b"", target=SOUGHT.decode()),
    "a name in a zip": zipped(b"x", SOUGHT.decode()), "a prefixed zip": b"#!/bin/sh\nexit\n" + zipped(SOUGHT),
    "zip four deep": _nested(4), "tar.gz in a zip": zipped(gzip.compress(_tar()), "a.tgz"),
    "png, tEXt": zipped(_png(b"tEXt", b"Comment\0" + SOUGHT), "a.png"),
    "png, zTXt": _png(b"zTXt", b"Comment\0\0" + zlib.compress(SOUGHT)),
    "png, iTXt": _png(b"iTXt", b"Comment\0\1\0\0\0" + zlib.compress(SOUGHT)),
    "pdf": _pdf(zlib.compress(SOUGHT), b"/Filter /FlateDecode"),
    "pdf, cut apart": _pdf(zlib.compress(b"[(what is) -20 ( sought)] TJ"), b"/Filter [/FlateDecode]"),
}  # fmt: skip
NOT_OPENED = {
    "a 7z archive": b"7z\xbc\xaf\x27\x1c", "a lz4 file": b"\x04\x22\x4d\x18",
    "a git bundle": b"# v2 git bundle\n", "7z in a zip": zipped(b"7z\xbc\xaf\x27\x1c" * 9),
    "zip five deep": _nested(5),
    "an encrypted zip": zipped(SOUGHT).replace(b"PK\1\2\x14\x03\x14\0\0\0", b"PK\1\2\x14\x03\x14\0\1\0"),
    "a zip packed with lzma": zipped(SOUGHT, method=zipfile.ZIP_LZMA),
    "an encrypted pdf": _pdf(b"", b"") + b"trailer << /Encrypt 2 0 R >>",
    "a pdf by LZW": _pdf(b"x", b"/Filter /LZWDecode"),
    "a gzip that is cut": gzip.compress(SOUGHT * 999)[:-30],
    "a zstd that is cut": zstandard.compress(bytes(range(256)) * 999)[:-30],
    "a tar that is cut": _tar()[:700], "a zip without its list": zipped(SOUGHT)[:60],
    "a long pax header": tar_block("x", b"x", 9 * MB) + b"1" * (9 * MB),
    "many headers in a row": (tar_block("x", b"x", 512) + b"19 path=aaaaaaaaaa\n".ljust(512, b"\0")) * 9,
}  # fmt: skip
TEXTS = {
    "empty": b"", "an empty zip": b"PK\5\6" + bytes(18), "text": b"text", "magic": b"see PK\5\6 for zips",
    "a program": b"\x7fELF" + bytes(600),
}  # fmt: skip


@pytest.mark.parametrize("name", [*OPENED, *NOT_OPENED, *TEXTS])
def test_what_is_packed_is_read_or_said_not_to_be(name: str) -> None:
    """Members, their names and members of members come out; a container that is not opened, or not to its
    end, is a fault, never silence. A text has no parts, though it may mention an archive's magic."""
    content, faults = {**OPENED, **NOT_OPENED, **TEXTS}[name], list[str]()
    parts = [part for _, part, _ in unpack(content, faults)]
    assert bool(faults) == (name in NOT_OPENED)
    assert any(SOUGHT in part for part in parts) or name not in OPENED
    assert name not in TEXTS or (kind_of(content), parts) == ("", [])


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress, zstandard.compress])
def test_a_packed_log_is_read_to_its_end(compress: Callable[[bytes], bytes]) -> None:
    """Stream after stream; one that is cut is broken, and does not just end."""
    packed = compress(b"one\n" * 9_000) + compress(b"two\n")
    whole, cut = LogStream(io.BytesIO(packed)), LogStream(io.BytesIO(packed[:-9]))
    assert (io.BufferedReader(whole).read(), whole.broken) == (b"one\n" * 9_000 + b"two\n", "")
    assert io.BufferedReader(cut).read().startswith(b"one\n" * 9_000)
    assert cut.broken == "EOFError"
    wide = LogStream(io.BytesIO(compress("é 1\n".encode("utf-16"))))
    assert (io.BufferedReader(wide).read().decode(), wide.broken) == ("é 1\n", "")


def test_a_log_that_grows_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past a size that small files may have, and past what the best compression of a log gives."""
    for least, refused in ((MB, True), (10 * MB, False)):
        monkeypatch.setattr(archives, "_BOMB_FROM", least)
        with pytest.raises(Unreadable, match="250 times") if refused else nullcontext():
            assert len(io.BufferedReader(LogStream(io.BytesIO(gzip_zeros(9 * MB)))).read()) == 9 * MB


def test_memory_follows_the_piece() -> None:
    """A member of 100 MB comes in overlapping parts of some 8 MB. What grows fairly costs no surplus."""
    faults, budget = list[str](), Budget()
    assert [part for _, part, _ in unpack(OPENED["bz2"], faults, budget)] == [SOUGHT]
    assert budget.left == archives.SURPLUS
    content = zipped(bytes(100 * MB))
    tracemalloc.start()
    parts = [(start, len(part)) for path, part, start in unpack(content, faults) if path == "a.txt"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (faults, sum(parts[-1])) == ([], 100 * MB)
    assert all(start < before + size for (before, size), (start, _) in pairwise(parts))
    assert peak < 6 * PIECE


BOUNDS = [
    ("SECONDS_A_SOURCE", -1, "takes more than"), ("EXPANDED", 10 * MB, "holds more than"),
    ("SURPLUS", 10 * MB, "grows to more than 50 times its size"), ("MEMBERS", 0, "members"),
]  # fmt: skip


@pytest.mark.parametrize(("bound", "least", "fault"), BOUNDS)
def test_each_bound_is_said(monkeypatch: pytest.MonkeyPatch, bound: str, least: int, fault: str) -> None:
    """What was read until then counts."""
    budget, faults = Budget(least if bound == "SURPLUS" else archives.SURPLUS), list[str]()
    if bound != "SURPLUS":
        monkeypatch.setattr(archives, bound, least)
    content = zipped(SOUGHT) if bound == "MEMBERS" else gzip_zeros(40 * MB)
    for _ in range(3):
        assert sum(len(part) for _, part, _ in unpack(content, faults, budget)) < 40 * MB
    assert any(fault in said for said in faults)

"""Archives that are made to fill or hold up whoever opens them are opened up to a stated bound."""

import gzip
import io
import subprocess
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from audit_lib.base import archives
from audit_lib.base.archives import Expansion, archive_kind, unpack
from audit_lib.base.decompress import PIECE
from tests.support.hostile_files import gzip_zeros, tar_block

MB = 1 << 20


def _sizes(content: bytes, faults: list[str], expansion: Expansion | None = None) -> list[int]:
    kind = archive_kind(content[:512])
    members = unpack(io.BytesIO(content), kind, faults, expansion)
    return [sum(map(len, member.pieces)) for member in members]


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_is_unpacked_in_pieces(method: int) -> None:
    """Memory follows the piece, not the member: zipfile unpacked all of a bzip2 or lzma member at once."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive, archive.open("a", "w") as member:
        for _ in range(100):
            member.write(bytes(MB))
    faults: list[str] = []
    tracemalloc.start()
    assert _sizes(buffer.getvalue(), faults) == [100 * MB]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert faults == []
    assert peak < 6 * PIECE


def test_archives_share_what_they_grow_beyond_the_fair() -> None:
    """A bomb spends the surplus of the search; the next have fifty times their size each."""
    bomb = gzip_zeros(20 * MB)
    expansion = Expansion(left=10 * MB)
    faults: list[str] = []
    taken = [sum(_sizes(bomb, faults, expansion)) for _ in range(3)]
    assert all(size < 20 * MB for size in taken)
    assert len(faults) == 3
    assert all("grows to more than 50 times its size" in fault for fault in faults)


def test_a_long_extended_header_is_content_not_a_name() -> None:
    """It is searched in pieces like any member, and neither held nor parsed."""
    content = tar_block(b"x", b"x", 9 * MB) + b"1" * (9 * MB)
    content += tar_block(b"a", b"0", 3) + b"abc".ljust(1536, b"\0")
    faults: list[str] = []
    assert _sizes(gzip.compress(content, 1), faults) == [9 * MB, 3]
    assert faults == []


def test_a_slow_archive_is_left_after_its_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of a source is a bound of its own; what was read until then counts."""
    monkeypatch.setattr(archives, "SECONDS_A_SOURCE", -1)
    faults: list[str] = []
    assert 0 < sum(_sizes(gzip_zeros(40 * MB), faults)) < 40 * MB
    assert any("seconds" in fault for fault in faults)


def test_the_tar_of_the_system_is_read(tmp_path: Path) -> None:
    """Long names, links and folders come out as tar itself lists them."""

    name = "long" * 40
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_text("text")
    (tmp_path / "in" / "link").symlink_to(name)
    for layout in ("gnu", "pax", "ustar"):
        where = tmp_path / f"{layout}.tar"
        made = ["tar", "-C", str(tmp_path), f"--format={layout}", "-cf", str(where), "in"]
        if subprocess.run(made, capture_output=True, check=False).returncode:
            continue  # ustar has no place for such a name
        faults: list[str] = []
        with where.open("rb") as file:
            names = [member.name for member in unpack(file, "tar", faults) if member.name]
        assert faults == []
        assert {"in/", f"in/{name}", f"in/link -> {name}"} <= set(names)

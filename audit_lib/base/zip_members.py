"""The members of a zip that is held in memory: zipfile reads its list, the content is unpacked in pieces."""

import io
import struct
import zipfile
from collections.abc import Iterator
from typing import BinaryIO, cast

from audit_lib.base.decompress import PIECE, ZIP_METHODS, PieceReader

ENTRIES = 100_000  # a longer list of members is not read
_LOCAL_HEAD = 30
_ENTRY = b"PK\1\2"


def is_too_long(content: bytes) -> bool:
    """Whether the list of members could be longer than `ENTRIES`, counted before it is read."""
    return content.count(_ENTRY) > ENTRIES


def zip_members(content: bytes) -> Iterator[tuple[str, Iterator[bytes] | str]]:
    """The name of each member and its content, or in a few words why that cannot be read.

    Raises what zipfile raises for a broken list; a content raises what its decompressor raises.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = archive.infolist()
    for entry in entries:
        unpack = ZIP_METHODS.get(entry.compress_type)
        if entry.flag_bits & 1:
            yield entry.filename, "an encrypted member"
        elif unpack is None:
            yield entry.filename, "a member packed in an unknown way"
        else:
            yield entry.filename, unpack(_packed(content, entry))


def _packed(content: bytes, entry: zipfile.ZipInfo) -> BinaryIO:
    """A member's content as it is packed."""
    head = content[entry.header_offset : entry.header_offset + _LOCAL_HEAD]
    name, extra = struct.unpack("<HH", head[26:30])
    start = entry.header_offset + _LOCAL_HEAD + name + extra
    end = min(start + entry.compress_size, len(content))
    slices = (content[at : min(at + PIECE, end)] for at in range(start, end, PIECE))
    return cast(BinaryIO, PieceReader(slices))

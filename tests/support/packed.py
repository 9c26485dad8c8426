"""Contents in which a text is packed: a zip, a tar, zeros, a stream of a PDF, a text of a picture."""

import io
import struct
import tarfile
import zipfile
import zlib
from functools import cache


def zipped(data: bytes, name: str = "a.txt", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip with one member, deflated unless another method is given."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr(name, data)
    return buffer.getvalue()


def tarred(data: bytes, *names: str, mode: str = "w") -> bytes:
    """A tar, packed as its mode says, with the same content under each name."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode, format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
        for name in names or ("a.txt",):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def tar_block(name: str, kind: bytes, size: int) -> bytes:
    """The header of one tar member, as a GNU tar writes it."""
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, size
    return member.tobuf(tarfile.GNU_FORMAT)


@cache
def gzip_zeros(size: int) -> bytes:
    """A gzip of zeros."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(map(packer.compress, [bytes(1 << 20)] * (size >> 20))) + packer.flush()


def pdf(data: bytes) -> bytes:
    """A PDF in whose one stream a text is shown."""
    packed = zlib.compress(b"BT (" + data + b") Tj ET")
    head = f"%PDF-1.7\n1 0 obj\n<</Length {len(packed)}/Filter/FlateDecode>>\nstream\n".encode()
    return head + packed + b"\nendstream\nendobj\n%%EOF\n"


def png(data: bytes) -> bytes:
    """A picture of nothing with a packed text."""
    chunks = ((b"IHDR", bytes(13)), (b"zTXt", b"Comment\0\0" + zlib.compress(data)), (b"IEND", b""))
    packed = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)

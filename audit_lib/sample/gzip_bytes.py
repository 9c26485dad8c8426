"""A gzip file of which every byte is settled: zlib's own output differs from one version to the next."""

import struct
from zlib import crc32

HEADER = b"\x1f\x8b\x08\x00" + bytes(4) + b"\x00\xff"  # deflate, no flags, no time, unknown system
BLOCK = 0xFFFF


def packed(content: bytes) -> bytes:
    """The content as a gzip file (RFC 1952) of stored blocks (RFC 1951, 3.2.4)."""
    starts = range(0, max(len(content), 1), BLOCK)
    blocks = [_block(content[start : start + BLOCK], start + BLOCK >= len(content)) for start in starts]
    return HEADER + b"".join(blocks) + struct.pack("<II", crc32(content), len(content) % 2**32)


def _block(part: bytes, last: bool) -> bytes:
    return struct.pack("<BHH", last, len(part), len(part) ^ 0xFFFF) + part

"""Walks a tar as a stream, header by header; nothing that a header says makes it hold or wait for more."""

from collections.abc import Iterator
from typing import BinaryIO

BLOCK = 512
PIECE = 1 << 20
LONGEST_HEADER = 64 << 10  # bytes of an extended header, which holds names: a path has 4,096 at most
_CHECKSUM = slice(148, 156)
_NO_CONTENT = b"123456"  # links, devices, folders, FIFOs: a size in their header counts nothing
_PAX, _LONG_NAME = b"xgX", b"LK"


class BrokenTar(ValueError):
    """A tar that cannot be read on from here."""


def tar_members(file: BinaryIO) -> Iterator[tuple[str, Iterator[bytes]]]:
    """The name and content of each member, also of headers that only say something of the next one.

    A link's target follows its name. Each content is read, or left, before the next member is asked for.
    Raises `BrokenTar` where the tar is damaged or cut.
    """
    names: dict[str, str] = {}
    while any(head := file_block(file)):
        kind, size = head[156:157], _size(head)
        extended = kind in _PAX or kind in _LONG_NAME
        if not extended:
            size = int(names.get("size") or size)
        left = [0 if kind in _NO_CONTENT else size]
        padding = -left[0] % BLOCK
        if kind == b"S":
            _pass_sparse_map(file, head)
        if extended and size <= LONGEST_HEADER:
            said = b"".join(_content(file, left))
            names |= _pax(said) if kind in _PAX else {"path" if kind == b"L" else "linkpath": _text(said)}
            yield "", iter((said,))
        else:
            name = names.get("path") or _name(head)
            target = names.get("linkpath") or _text(head[157:257])
            names = {} if not extended else names
            yield f"{name} -> {target}" if target else name, _content(file, left)
        for _ in _content(file, left):
            pass
        _exact(file, padding)


def file_block(file: BinaryIO) -> bytes:
    """The next header, its checksum verified; b"" at the end, which two empty blocks or none may mark."""
    head = file.read(BLOCK)
    if not head or not any(head):
        return b""
    if len(head) < BLOCK:
        raise BrokenTar
    plain = sum(head) - sum(head[_CHECKSUM]) + 8 * 0x20
    if _octal(head[_CHECKSUM]) != plain:
        raise BrokenTar
    return head


def _content(file: BinaryIO, left: list[int]) -> Iterator[bytes]:
    """What is left of a member's content; `left` counts down, so that it can be read on by another."""
    while left[0]:
        piece = file.read(min(PIECE, left[0]))
        if not piece:
            raise BrokenTar
        left[0] -= len(piece)
        yield piece


def _exact(file: BinaryIO, size: int) -> bytes:
    return b"".join(_content(file, [size]))


def _size(head: bytes) -> int:
    field = head[124:136]
    size = int.from_bytes(field[1:], "big") if field[0] & 0x80 else _octal(field)
    if size >= 1 << 63 or field[0] == 0xFF:
        raise BrokenTar
    return size


def _octal(field: bytes) -> int:
    digits = field.partition(b"\0")[0].strip() or b"0"
    if not digits.isdigit():
        raise BrokenTar
    return int(digits, 8)


def _name(head: bytes) -> str:
    name, prefix = _text(head[:100]), _text(head[345:500])
    return f"{prefix}/{name}" if prefix and head[257:263] == b"ustar\0" else name


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _pax(said: bytes) -> dict[str, str]:
    """What a pax header says of the next member's path, target and size: records of `LENGTH KEY=VALUE`."""
    found: dict[str, str] = {}
    at = 0
    while at < len(said) and (space := said.find(b" ", at, at + 8)) > at:
        length = said[at:space]
        if not length.isdigit() or at + int(length) <= space:
            break
        key, _, value = said[space + 1 : at + int(length) - 1].partition(b"=")
        at += int(length)
        if key in (b"path", b"linkpath") or (key == b"size" and value.isdigit() and len(value) < 19):
            found[key.decode()] = value.decode("utf-8", "surrogateescape")
    return found


def _pass_sparse_map(file: BinaryIO, head: bytes) -> None:
    """An old sparse file's map may go on in blocks of its own before the content."""
    more = head[482]
    while more:
        more = _exact(file, BLOCK)[504]

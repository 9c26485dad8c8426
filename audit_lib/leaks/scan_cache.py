"""Remembers which contents held nothing, and where the others are, for the next audit. Holds no value."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

from audit_lib.base.cache_folder import keep, recall
from audit_lib.secrecy.keeper import Key

_LIMIT = 1 << 30
_PARTS = 9  # lines before the ids of clean objects: see `Memory.lines`


@dataclass(frozen=True)
class Memory:
    """What a search left behind: ids of contents and commits, states of files, places; no value."""

    listing: str = ""  # digest of the list of all objects: the same list needs no comparison
    refs: str = ""  # digest of the refs under which `commits` were reachable
    marked: tuple[str, ...] = ()  # objects that hold something: they are read again each time
    commits: dict[str, str] = field(default_factory=dict)  # those that brought them, and what reaches them
    witnesses: dict[str, str] = field(default_factory=dict)  # the few marked that hold all that was found
    held: str = ""  # where the marked objects are: see held_places.py
    files: frozenset[str] = frozenset()  # states of files that held nothing
    # Of those that held something: start, line, fingerprint, encoding and how it matched, of each place.
    found: dict[str, list[list[Any]]] = field(default_factory=dict)
    packed: bytes = b""  # ids of objects that held nothing, one a line

    @cached_property
    def clean(self) -> frozenset[bytes]:
        """The objects that held nothing."""
        return frozenset(self.packed.split(b"\n")) - {b""}

    def lines(self, digest: str) -> bytes:
        """The memory of the search that a digest names, as bytes."""
        commits = " ".join(
            f"{commit}:{reach.replace(' ', '-')}" for commit, reach in sorted(self.commits.items())
        )
        witnesses = " ".join(f"{oid}:{kind}" for oid, kind in sorted(self.witnesses.items()))
        marked, files = " ".join(self.marked), " ".join(sorted(self.files))
        found = json.dumps(self.found, sort_keys=True)
        head = [digest, self.listing, self.refs, marked, commits, witnesses, self.held, files, found]
        return "\n".join(head).encode("ascii") + b"\n" + self.packed

    @classmethod
    def parse(cls, body: bytes, digest: str) -> "Memory":
        """The memory in bytes that `lines` wrote; an empty one for another search's."""
        parts = body.split(b"\n", _PARTS)
        if len(parts) != _PARTS + 1 or parts[0].decode("ascii", "replace") != digest:
            return cls()
        listing, refs, marked, commits, witnesses, held, files, found = (
            part.decode("ascii") for part in parts[1:_PARTS]
        )
        pairs = (pair.partition(":") for pair in commits.split())
        return cls(
            listing=listing,
            refs=refs,
            marked=tuple(marked.split()),
            commits={commit: reach.replace("-", " ") for commit, _, reach in pairs},
            witnesses=dict(pair.split(":") for pair in witnesses.split()),
            held=held,
            files=frozenset(files.split()),
            found=json.loads(found),
            packed=parts[_PARTS],
        )


def packed(ids: Iterable[bytes]) -> bytes:
    """Ids as a memory keeps them."""
    return b"\n".join(ids)


class ScanCache:
    """The memory of one search of one project, believed only under the same key and for the same search.

    It is in the user's own cache folder, not in the project, which could otherwise declare itself clean;
    a MAC under the key protects it. A lost, foreign or broken cache means a full search. Safe to delete.
    """

    def __init__(
        self, folder: Path | None, key: Key, project: Path, what: str, digest: str, *, believe: bool = True
    ) -> None:
        """Reads what is believed. `what` is values or shapes, and `digest` names all that is searched for."""
        self._key = key.derive("scan cache")
        self._digest = digest
        place = str(project.resolve()).encode("utf-8", "surrogateescape")
        name = blake2b(place, key=self._key, digest_size=16).hexdigest()
        self._path = (folder or Path()) / f"{name}.{what}"
        # Under a key that dies with the process, or that all know, nothing could be believed later.
        self._lasting = folder is not None and key.origin == "file"
        self.memory = self._read() if believe and self._lasting else Memory()

    def _read(self) -> Memory:
        body = recall(self._path, self._key, _LIMIT)
        return Memory() if body is None else Memory.parse(bytes(body), self._digest)

    def store(self, memory: Memory) -> None:
        """Replaces what was remembered; a cache that cannot be written is none."""
        if self._lasting and memory != self.memory:
            keep(self._path, self._key, memory.lines(self._digest))

    def file_id(self, path: str, facts: tuple[int, ...]) -> str:
        """The id of a file's state: another size, time or inode is another id. Says nothing of the path."""
        text = "\0".join([path, *map(str, facts)]).encode("utf-8", "surrogateescape")
        return blake2b(text, key=self._key, digest_size=20).hexdigest()

"""What looks like a secret in staged texts, and was not in the file before."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from audit_lib.base.git.commands import run_git
from audit_lib.leaks.binary_texts import LARGEST, text_of
from audit_lib.leaks.git_objects import read_objects
from audit_lib.leaks.secret_patterns import Shape, Shapes
from audit_lib.secrecy.exact_search import ExactSearch

_Staged = Mapping[str, list[str]]  # ids of blobs: their paths
Named = TypeVar("Named", str, list[str])
New = tuple[str, int, Shape]  # path, line, what is there


def new_shapes(root: Path, staged: _Staged, shapes: Shapes, head: Mapping[str, str]) -> Iterator[New]:
    """Path, line and shape of each secret that a commit would bring; `head` has what HEAD holds, by path.

    What the same file held before is no news to a commit: `leaks` lists it. Of a text that is not read here
    the search for known values says so.
    """
    before = {head[path]: path for paths in staged.values() for path in paths if path in head}
    old = {path: _fingerprints(shapes, content, path) for content, path in _texts(root, before)}
    for content, paths in _texts(root, staged):
        found = shapes.look(content, paths)
        if not found:
            continue
        lines = _lines(content, found, shapes)
        for path in paths:
            for shape in found:
                if shape.fingerprint not in old.get(path, ()):
                    yield path, lines.get(shape.fingerprint, 0), shape


def _texts(root: Path, blobs: Mapping[str, Named]) -> Iterator[tuple[bytes, Named]]:
    for batch in read_objects(root, blobs) if blobs else ():
        for span in batch.spans:
            if span.whole and span.size <= LARGEST and (text := text_of(batch.content(span))):
                yield text, blobs[span.oid]


def _fingerprints(shapes: Shapes, content: bytes, path: str) -> set[str]:
    return {shape.fingerprint for shape in shapes.look(content, (path,))}


def _lines(content: bytes, found: set[Shape], shapes: Shapes) -> dict[str, int]:
    """The first line of each value."""
    search = ExactSearch(shapes.keeper, {shape.fingerprint for shape in found}, {})
    lines: dict[str, int] = {}
    for one in search.look(content):
        lines.setdefault(one.fingerprint, one.line)
    return lines


def at_head(root: Path) -> dict[str, str]:
    """The blob of each path at HEAD; empty if there is no commit yet."""
    if not run_git(root, "rev-parse", "--verify", "--quiet", "HEAD", ok=(0, 1)):
        return {}
    listed = run_git(root, "ls-tree", "-r", "-z", "--full-tree", "HEAD").split(b"\0")
    pairs = (entry.split(b"\t", 1) for entry in listed if entry)
    return {os.fsdecode(path): facts.split(b" ")[2].decode("ascii") for facts, path in pairs}

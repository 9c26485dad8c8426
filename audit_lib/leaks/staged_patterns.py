"""What looks like a secret in staged texts, and was not in the file before."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from audit_lib.base.tree import NotSearched
from audit_lib.leaks.binary_texts import LARGEST, TOO_LARGE, text_of
from audit_lib.leaks.exact_search import ExactSearch
from audit_lib.leaks.git_objects import read_objects
from audit_lib.leaks.secret_patterns import Shape, Shapes

Blobs = Mapping[str, list[str]]  # by id, with their paths
New = tuple[str, int, Shape]  # path, line, what is there


def new_shapes(
    root: Path, staged: Blobs, head: Blobs, shapes: Shapes, left_out: list[NotSearched]
) -> Iterator[New]:
    """Path, line and shape of each secret that a commit would bring to what HEAD holds.

    What the same file held before is no news to a commit: `leaks` lists it. What is too large goes
    into `left_out`.
    """
    changed = {path for paths in staged.values() for path in paths}
    before = {oid: paths for oid, paths in head.items() if not changed.isdisjoint(paths)}
    old = {
        path: _fingerprints(shapes, content, path)
        for content, paths in _texts(root, before, [])
        for path in changed.intersection(paths)
    }
    for content, paths in _texts(root, staged, left_out):
        found = shapes.look(content, paths)
        if not found:
            continue
        lines = _lines(content, found, shapes)
        for path in paths:
            for shape in found:
                if shape.fingerprint not in old.get(path, ()):
                    yield path, lines.get(shape.fingerprint, 0), shape


def _texts(root: Path, blobs: Blobs, left_out: list[NotSearched]) -> Iterator[tuple[bytes, list[str]]]:
    for batch in read_objects(root, blobs) if blobs else ():
        for span in batch.spans:
            if not span.whole or span.size > LARGEST:
                left_out += [NotSearched(path, TOO_LARGE) for path in blobs[span.oid]]
            elif text := text_of(batch.content(span)):
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

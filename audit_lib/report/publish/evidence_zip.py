"""Packs evidence into a zip with the same bytes on every machine, and opens one that others hand over."""

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from audit_lib.base.errors import BadInput
from audit_lib.report.publish.scratch import scratch_folder
from audit_lib.secrecy.keeper import EVIDENCE, MANIFEST

_LARGEST = 256 << 20  # bytes that are unpacked
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the least time that a zip can hold


def packed(contents: Mapping[str, bytes]) -> bytes:
    """A zip of the contents by name. They are not compressed: not every zlib compresses alike."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o600 << 16
            archive.writestr(entry, contents[name])
    return written.getvalue()


def packed_folder(folder: Path) -> bytes:
    """A zip of the files of a folder, without the one that is there."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != EVIDENCE]
    return packed({path.relative_to(folder).as_posix(): path.read_bytes() for path in paths})


def copies_others(folder: Path) -> bool:
    """Whether the zip of a publication is a copy of its other files: its manifest then does not list it."""
    return EVIDENCE not in json.loads((folder / MANIFEST).read_text("utf-8"))["files"]


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """A folder with what such a zip packs, for this block.

    Raises:
        BadInput: it is not a zip that `packed` wrote, so two programs could read two things in it.
    """
    data = path.read_bytes()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _LARGEST:
                raise BadInput.at(path.name, "packs too much to be read")
            contents = {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError):
        raise BadInput.at(path.name, "is not a zip that can be read") from None
    if packed(contents) != data or any(map(_leads_out, contents)):
        raise BadInput.at(path.name, "was not packed by this tool: unpack it, and verify the folder")
    with scratch_folder("audit-evidence-") as folder:
        for name, content in contents.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        yield folder


def _leads_out(name: str) -> bool:
    return name.startswith("/") or not name or {"", ".", ".."} & set(name.split("/")) != set()

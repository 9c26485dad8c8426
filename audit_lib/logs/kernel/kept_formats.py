"""The formats as arrays, made once and kept: the tree of all formats takes longer to make than to load."""

import io
from functools import lru_cache

import numpy as np

from audit_lib.base.compiled.own_cache import kept_or_made, kept_path
from audit_lib.base.log_kinds import MESSAGE_KINDS
from audit_lib.logs.formats import CONTINUES, LogFormats
from audit_lib.logs.kernel.formats_as_arrays import compile_formats, zone_offsets
from audit_lib.logs.kernel.log_kernel import SOURCES
from audit_lib.logs.kernel.shared_arrays import Program


@lru_cache(maxsize=8)
def program_of(formats: LogFormats, zone_name: str) -> Program:
    """The program for formats and a time zone."""
    starts, offsets = zone_offsets(zone_name)
    return _compiled(formats)._replace(zone_from=starts, zone_offset=offsets)


def _compiled(formats: LogFormats) -> Program:
    path = kept_path(f"{formats!r} {MESSAGE_KINDS} {CONTINUES}", ".npz", SOURCES)
    content = kept_or_made(path, lambda: _packed(compile_formats(formats)))
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return Program(**arrays)


def _packed(program: Program) -> bytes:
    content = io.BytesIO()
    np.savez(content, **program._asdict())
    return content.getvalue()

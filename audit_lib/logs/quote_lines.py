"""Quotes raw log lines by their place, for an evidence package; what may be a value is blotted out."""

import re
from collections.abc import Iterable, Iterator
from itertools import islice

import pandas as pd

from audit_lib.base.compressed import BROKEN, Bomb, unpacked
from audit_lib.base.files import Unreadable
from audit_lib.logs.log_files import LogFile, log_files
from audit_lib.logs.stream import raw_lines
from audit_lib.project import Project

COLUMNS = ["file", "line", "text"]
LONGEST = 2_000  # characters of a line
AROUND = 2  # lines before and after: what carries no time is bounded by its neighbours
BLOT = "[blotted out]"
_PLACE = re.compile(r"(.+):(\d+)")
# Values that the audit does not know either: a parameter named like a secret, a refused input, a credential.
_VALUES = (
    re.compile(
        r"(?i)((?:[\w-]*(?:token|secret|password|passwd|api[_-]?key|signature|jwt)[\w-]*)[=:]\s*)[^\s&\"',;)]+"
    ),
    re.compile(r"(?i)(input_value=)('[^']*'|\"[^\"]*\"|[^\s,\]]+)"),
    re.compile(r"(?i)((?:bearer|basic)\s+)[\w.~+/=-]{8,}"),
    re.compile(r"(://[^/\s:@]*:)[^/\s@]+(?=@)"),
)


def quote_lines(project: Project, evidence: Iterable[str], around: int = AROUND) -> pd.DataFrame:
    """One row for each line that a `file:line` names, with those around it: `file`, `line`, `text`.

    Evidence that names no line of a file within the project or of one of its logs is passed over.
    """
    wanted: dict[str, set[int]] = {}
    for text in evidence:
        for place in text.split("; "):
            if found := _PLACE.fullmatch(place):
                near = range(max(int(found[2]) - around, 1), int(found[2]) + around + 1)
                wanted.setdefault(found[1], set()).update(near)
    files = {file.name: file for _, named in log_files(project) for file in named}
    found_rows = [
        row
        for source in sorted(wanted)
        for row in _quoted(files.get(source) or LogFile(project.root, source, source), wanted[source])
    ]
    return pd.DataFrame(found_rows, columns=COLUMNS)


def _quoted(file: LogFile, lines: set[int]) -> Iterator[tuple[str, int, str]]:
    try:
        with file.open() as opened:
            for number, raw in enumerate(islice(raw_lines(unpacked(opened.file)), max(lines)), 1):
                if number in lines:
                    yield file.name, number, blotted(raw.decode("utf-8", "replace").rstrip("\r\n")[:LONGEST])
    except (Unreadable, Bomb, *BROKEN):
        return


def blotted(text: str) -> str:
    """The text with everything blotted out that stands where a value does."""
    for pattern in _VALUES:
        text = pattern.sub(rf"\1{BLOT}", text)
    return text

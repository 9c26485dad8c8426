"""The example lines of the formats by what they show: how applications of all stacks write it."""

from zoneinfo import ZoneInfo

from audit_lib.logs.formats import LogFormats
from audit_lib.logs.read_line import read_line


def written_lines(formats: LogFormats) -> dict[str, list[str]]:
    """For each kind of request and message the example lines that show it, as applications write them."""
    lines: dict[str, list[str]] = {}
    for block in (*formats.bodies, *formats.messages):
        for example in block.examples:
            for event in read_line(example.encode(), formats, ZoneInfo("UTC")).events:
                lines.setdefault(event.kind, []).append(example)
    return lines

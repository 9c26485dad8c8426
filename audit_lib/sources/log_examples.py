"""The lines that formats give as examples, by what they show."""

from zoneinfo import ZoneInfo

from audit_lib.sources.log_formats import LogFormats
from audit_lib.sources.log_lines import read_line


def written_lines(formats: LogFormats) -> dict[str, list[str]]:
    """For each kind of request and message the example lines that show it, as applications write them."""
    lines: dict[str, list[str]] = {}
    for block in (*formats.bodies, *formats.messages):
        for example in block.examples:
            for sighting in read_line(example.encode(), formats, ZoneInfo("UTC")).sightings:
                lines.setdefault(sighting.kind, []).append(example)
    return lines

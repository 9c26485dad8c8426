"""The example lines of the formats by what they show: how applications of all stacks write it."""

from collections.abc import Collection
from zoneinfo import ZoneInfo

from audit_lib.logs.formats import LogFormats
from audit_lib.logs.read_line import read_line


def written_lines(formats: LogFormats, met: Collection[str] = ()) -> dict[str, list[str]]:
    """For each kind of request and message the example lines that show it, as applications write them.

    `met` are the names of the messages that logs hold: of their kinds no other application's words count.
    """
    shown: dict[str, list[tuple[str, str]]] = {}
    for block in formats.bodies:
        for example in block.examples:
            for event in read_line(example.encode(), formats, ZoneInfo("UTC")).events:
                shown.setdefault(event.kind, []).append((event.message, example))
    for block in formats.messages:  # a message is seen in its examples: a test reads each
        shown.setdefault(block.kind, []).extend((block.name, example) for example in block.examples)
    known = set(met)
    own = {kind: [pair for pair in pairs if pair[0] in known] for kind, pairs in shown.items()}
    return {kind: [example for _, example in own[kind] or pairs] for kind, pairs in shown.items()}

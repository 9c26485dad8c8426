"""What the application writes, by kind of event: the examples of the log formats."""

from collections import defaultdict

from audit_lib.sources.log_formats import LogFormats
from audit_lib.sources.log_lines import REQUEST_KINDS


def written_by_kind(formats: LogFormats) -> dict[str, list[str]]:
    """Example lines for each kind of request and message, in the order of the formats."""
    written: dict[str, list[str]] = defaultdict(list)
    for block in formats.bodies:
        for example in block.examples:
            found = block.expression.match(example.encode())
            status = (found.groupdict().get("status") if found else None) or block.status or 0
            written[REQUEST_KINDS.get(int(status), "other")].append(example)
    for block in formats.messages:
        written[block.kind].extend(block.examples)
    return dict(written)

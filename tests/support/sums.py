"""What a file's sums say, so that two readers can be compared."""

from typing import Any

from audit_lib.logs.file_counts import KINDS, LogSums
from audit_lib.logs.units import NONE


def told(sums: LogSums) -> dict[str, Any]:
    """Everything that a file's sums say, in one order, with names in place of numbers."""
    said: dict[str, Any] = {
        name: getattr(sums, name) for name in ("dated", "in_period", "first", "last", "lacks")
    }
    said |= sums.states
    for table in ("groups", "moments", "events"):
        columns = getattr(sums, table)
        shown = {
            name: [
                sums.names[value]
                if name in ("client", "method", "route", "subject")
                else sums.messages[value]
                if name == "message"
                else KINDS[value]
                if name == "kind"
                else None
                if value == NONE
                else value
                for value in columns[name].tolist()
            ]
            for name in sorted(columns)
        }
        said[table] = sorted(zip(*shown.values(), strict=True), key=repr)
    return said

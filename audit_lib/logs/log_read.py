"""What the logs of a project gave, as frames."""

from dataclasses import dataclass

import pandas as pd

from audit_lib.base.contracts import LogCounts, LogEvents, LogMinutes, Sources


@dataclass(frozen=True)
class LogRead:
    """What the logs gave: frames by the contracts Sources, LogCounts, LogEvents and LogMinutes."""

    sources: pd.DataFrame
    counts: pd.DataFrame
    events: pd.DataFrame
    minutes: pd.DataFrame
    digest: str = ""  # names all that decided them, where it is known; keyed, so that it tells nothing


def nothing_read() -> LogRead:
    """What a command has that reads no logs."""
    return LogRead(Sources.of([]), LogCounts.of([]), LogEvents.of([]), LogMinutes.of([]))

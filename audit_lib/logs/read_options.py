"""How the lines of a log are read, and what of them is counted."""

from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from audit_lib.base.log_kinds import MOST_ROUTES
from audit_lib.logs.count_lines import Period
from audit_lib.logs.formats import LogFormats
from audit_lib.logs.group_limit import GroupLimit

CHUNK = 8 << 20  # so many bytes a thread reads at once


@dataclass(frozen=True)
class Wanted:
    """What is to be counted: the less, the fewer groups. Events and minutes are for a review."""

    client: bool = True
    route: bool = True
    method: bool = True
    events: bool = True
    minutes: bool = True
    counts: bool = True


@dataclass(frozen=True)
class Plan:
    """How the lines of a log are read; beyond so many `routes` in a budget the others are one."""

    formats: LogFormats
    zone: ZoneInfo
    period: Period = field(default_factory=Period)
    wanted: Wanted = field(default_factory=Wanted)
    chunk: int = CHUNK
    threads: int = 2
    routes: int = MOST_ROUTES
    limit: GroupLimit | None = None  # of groups; without one all are counted
    written: int | None = None  # when the file was last written, for times without a year

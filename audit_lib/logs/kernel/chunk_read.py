"""What one chunk of a log gave, and who holds the rest of it."""

from dataclasses import dataclass
from typing import Protocol

from audit_lib.logs.kernel import shared_arrays as layout
from audit_lib.logs.kernel.shared_arrays import CountTables
from audit_lib.logs.units import Ints


class Counted(Protocol):
    """Who counted chunks: the groups with a date are in its tables."""

    tables: CountTables
    reads_on: bool  # whether it may count more chunks

    def restart(self) -> None:
        """Begins afresh, after what it counted was taken."""


@dataclass
class ChunkRead:
    """What one chunk gave, apart from the groups with a date; `head` are the groups before its first date."""

    worker: Counted
    state: Ints
    head: Ints
    onces: Ints
    events: Ints


@dataclass(eq=False)
class Filled:
    """The tables of a worker that reads no more, so that they can be sent from one machine to another."""

    tables: CountTables
    reads_on = False

    def restart(self) -> None:
        """Lets its tables go."""
        self.tables = layout.new_tables()

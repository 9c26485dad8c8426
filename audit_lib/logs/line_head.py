"""What stood before a text of a line, or around it in a structured one: its time, its client, its record."""

from dataclasses import dataclass

from audit_lib.logs.fields import clean_client, strip_port
from audit_lib.logs.named_fields import NamedFields
from audit_lib.logs.units import WHOLE


@dataclass(frozen=True)
class Head:
    """What stood before a text: the first time and the first client of it hold."""

    at: int | None = None
    record: bool = False
    client: str | None = None  # "" where it was logged as none
    understood: bool = False
    structures: int = 0
    lacks: int = WHOLE  # of its time

    def then(self, at: int | None, lacks: int) -> tuple[int | None, int]:
        """The time, and what it lacks, if another one follows: the first holds."""
        return (self.at, self.lacks) if self.at is not None or at is None else (at, self.lacks | lacks)

    def behind(self, fields: NamedFields) -> "Head":
        """What stands before the text of a structured line."""
        client = self.client
        if client is None and fields.client:
            client = clean_client(strip_port(fields.client, always=False))
        record = self.record or (fields.level and not fields.text.startswith(b"Traceback"))
        at, lacks = self.then(fields.at, fields.lacks)
        return Head(at, record, client, True, self.structures + 1, lacks)

"""By which names a structured line's fields are known, and by which words a possible login failure."""

from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class JsonFields:
    """Names of a structured line's fields, in order of preference; a dotted name counts by its last part."""

    time: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    client: tuple[str, ...] = ()
    method: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    level: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()  # of objects that hold what a client writes
    examples: tuple[str, ...] = ()
    counter_examples: tuple[str, ...] = ()

    @cached_property
    def ranks(self) -> dict[str, list[tuple[str, int]]]:
        """For each name the fields that it may be, by NamedFields, and its place among their names."""
        found: dict[str, list[tuple[str, int]]] = {}
        for kind in ("time", "text", "status", "client", "method", "path", "level"):
            for rank, name in enumerate(getattr(self, kind)):
                found.setdefault(name, []).append(("at" if kind == "time" else kind, rank))
        return found


@dataclass(frozen=True)
class PossibleFailure:
    """Words, in small letters, by which a text that no message matches is a possible login failure."""

    about: tuple[str, ...] = ()
    failing: tuple[str, ...] = ()
    before_address: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    counter_examples: tuple[str, ...] = ()

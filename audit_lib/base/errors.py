"""The errors that this library raises on purpose: place, then fault, never a value."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

Given = TypeVar("Given")
Parsed = TypeVar("Parsed")


@dataclass(frozen=True, order=True)
class Fault:
    """One fault of one input: where it is, then what is wrong."""

    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


class AuditError(Exception):
    """The root of the family; `exit_code` is what the command line ends with."""

    exit_code = 1


class BadInput(AuditError):
    """Something given cannot be used. Carries every fault that was found, not only the first."""

    exit_code = 2

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))

    @classmethod
    def at(cls, place: str, text: str) -> "BadInput":
        """A single fault."""
        return cls([Fault(place, text)])

    @classmethod
    def unless(cls, holds: object, place: str, text: str) -> None:
        """Raises a single fault of this class unless something holds."""
        if not holds:
            raise cls.at(place, text)


class Refused(AuditError):
    """A secret would have been disclosed, so nothing was done."""

    exit_code = 4


def parse_each(parse: Callable[[Given], Parsed], inputs: Iterable[Given]) -> tuple[list[Parsed], list[Fault]]:
    """What a function makes of each input, and the faults of those of which it raises `BadInput`."""
    parsed, faults = list[Parsed](), list[Fault]()
    for each in inputs:
        try:
            parsed.append(parse(each))
        except BadInput as error:
            faults += error.faults
    return parsed, faults

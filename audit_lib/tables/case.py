"""One explanation while its points are collected.

Each point has a weight: 3 decides, 1 supports. The weights are summed, never turned into a probability.
"""

from dataclasses import dataclass, field

LIKELY, POSSIBLE = 3, 1


@dataclass
class Case:
    """One explanation while its points are collected."""

    name: str
    seen: bool = True  # lines of the window were read: where it rests on them, silence can speak
    found: list[tuple[int, str]] = field(default_factory=list)
    against: list[tuple[int, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lacks("a log of the window: no line of it was read", not self.seen)

    def pro(self, weight: int, text: str, holds: object = True) -> None:
        """A point that speaks for it, where it holds."""
        if holds:
            self.found.append((weight, text))

    def contra(self, weight: int, text: str, holds: object = True) -> None:
        """A point that speaks against it, where it holds."""
        if holds:
            self.against.append((weight, text))

    def absent(self, weight: int, text: str, holds: object = True) -> None:
        """A point against it because nothing was seen, where anything would have been."""
        self.contra(weight, text, holds and self.seen)

    def lacks(self, text: str, holds: object = True) -> None:
        """Evidence that would decide and is not there."""
        if holds:
            self.missing.append(text)

    @property
    def weight(self) -> int:
        """The points for it less those against it."""
        return sum(weight for weight, _ in self.found) - sum(weight for weight, _ in self.against)

    @property
    def verdict(self) -> str:
        """likely, possible, unlikely; unknown where nothing speaks for it and evidence is missing."""
        if self.weight >= LIKELY:
            return "likely"
        if self.weight >= POSSIBLE:
            return "possible"
        return "unknown" if self.missing and not self.against else "unlikely"

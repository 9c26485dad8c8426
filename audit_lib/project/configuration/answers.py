"""One answer of a configuration file to a question about secrets."""

from dataclasses import dataclass


class NotUnderstood(Exception):
    """A file whose form is not the one that its name promises."""


@dataclass(frozen=True)
class Answer:
    """What one line says. Holds names alone, never a value."""

    topic: str  # one of TOPICS of the contract
    source: str
    subject: str
    answer: str  # yes: as it should be | no | unknown
    service: str = ""
    line: int | None = None
    reason: str = ""


def unread(source: str, reason: str) -> Answer:
    """The answer of a file that cannot be read."""
    return Answer("file", source, source, "unknown", reason=reason)

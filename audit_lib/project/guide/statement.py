"""One thing that a guide's text says about itself: whether it agrees, and in which lines."""

from collections.abc import Iterable
from dataclasses import dataclass

from audit_lib.base.in_words import counted


@dataclass(frozen=True)
class Statement:
    """What one question to the text gave. Holds names, numbers and lines, never a value or a command."""

    topic: str  # one of GUIDE_TOPICS of the contract
    subject: str
    answer: str  # yes: nothing speaks against it | no | unknown
    line: int | None = None
    reason: str = ""
    secret: str = ""  # the variable; "" if it is not about one


def agrees(
    topic: str, subject: str, line: int | None, reason: str, *, agreed: bool, secret: str = ""
) -> Statement:
    """A statement that is decided: the reason stays if it does not agree."""
    return Statement(topic, subject, "yes" if agreed else "no", line, "" if agreed else reason, secret)


def lines_in_words(lines: Iterable[int]) -> str:
    """`line 5`, `lines 5, 7`, `lines 5, 7 and 12 more`."""
    numbers = sorted(set(lines))
    shown = ", ".join(map(str, numbers[:5]))
    more = f" and {len(numbers) - 5} more" if len(numbers) > 5 else ""
    return f"{counted(len(numbers), 'line').partition(' ')[2]} {shown}{more}"

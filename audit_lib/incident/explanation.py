"""One explanation of an incident while its points are collected, and the verdict that they add up to."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

from audit_lib.base import in_words
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.ruled_out import UNLIKELY_NEEDS, Way, lines_of_the_window

LIKELY, POSSIBLE = 3, 1
SHOWN = 3  # names and findings in one point
few = partial(in_words.few, most=SHOWN)


@dataclass
class Explanation:
    """What speaks for it, what against, and which evidence is missing."""

    name: str
    investigation: Investigation
    found: list[tuple[int, str]] = field(default_factory=list)
    against: list[tuple[int, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    addresses: tuple[str, ...] = ()  # those that it is about, the most conspicuous first
    ruled_out: bool = (
        False  # a point against it has all that it rests on (docs/detections.md#what-unlikely-needs)
    )

    def __post_init__(self) -> None:
        rests = any(lines_of_the_window in way for way in UNLIKELY_NEEDS[self.name])
        self.lacks("log lines of the window: none could be read", rests and not self.investigation.seen)

    def pro(self, weight: int, text: str, holds: object = True) -> None:
        """A point that speaks for it, if it holds."""
        if holds:
            self.found.append((weight, text))

    def contra(self, weight: int, text: str, holds: object = True) -> None:
        """A point that speaks against it, if it holds; by itself it rules nothing out."""
        if holds:
            self.against.append((weight, text))

    def rules_out(self, way: Way, weight: int, text: str, holds: object) -> None:
        """A point against it, if it holds and all that it rests on was seen: without that it says nothing."""
        assert way in UNLIKELY_NEEDS[self.name], f"{self.name}: {way}"
        if holds and all(met(self.investigation) for met in way):
            self.contra(weight, text)
            self.ruled_out = True

    def lacks(self, text: str, holds: object = True) -> None:
        """Evidence that would decide and is not there."""
        if holds and text not in self.missing:
            self.missing.append(text)

    def doubts(self, about: str, reasons: Iterable[str]) -> None:
        """Why the detections of something may have missed it: that never speaks against."""
        for reason in reasons:
            self.lacks(f"{about} may have been missed: {reason}")

    @property
    def weight(self) -> int:
        """The points for it less those against it."""
        return sum(weight for weight, _ in self.found) - sum(weight for weight, _ in self.against)

    @property
    def verdict(self) -> str:
        """likely, possible, unlikely; unknown if nothing counts for it, and nothing rules it out."""
        if self.weight >= LIKELY:
            return "likely"
        if self.weight >= POSSIBLE:
            return "possible"
        return "unlikely" if self.ruled_out else "unknown"


def callers_send(investigation: Investigation) -> bool:
    """Whether callers send the secret that is asked for, by the policy: only then do logins concern it."""
    names = investigation.rules.caller_secrets
    return not investigation.secret or not names or investigation.secret in names


def of_logins(name: str, investigation: Investigation) -> tuple[Explanation, bool]:
    """An explanation by what happened at the login, and whether that says anything of what is asked."""
    case, sent = Explanation(name, investigation), callers_send(investigation)
    text = f"callers do not send {investigation.secret}: what failed at the login says nothing of it"
    case.lacks(text, not sent)
    return case, sent

"""One step of a rotation as evidence shows it: done, not done, or not known, and why."""

from dataclasses import dataclass

from audit_lib.rotation.contracts import DONE, NOT_DONE, NOT_KNOWN

__all__ = ["DONE", "NOT_DONE", "NOT_KNOWN", "StepProgress", "worst"]


@dataclass(frozen=True)
class StepProgress:
    """What evidence says of one step at one place."""

    step: str  # as runbook.toml names it
    place: str
    state: str  # DONE | NOT_DONE | NOT_KNOWN
    why: str


def worst(states: list[str]) -> str:
    """Not done if any is; else not known if any is; else done."""
    return next((state for state in (NOT_DONE, NOT_KNOWN) if state in states), DONE)

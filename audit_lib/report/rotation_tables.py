"""The tables of a rotation: what it breaks, its steps, which of them are done."""

import pandas as pd

from audit_lib.findings.audit import Audit
from audit_lib.report.table import Table, Tables, show, together
from audit_lib.rotation.plan import RotationPlan

KINDS = {
    "scheduled": "a scheduled rotation",
    "compromised": "a compromised value",
    "grace": "a scheduled rotation with a grace period",
}


def rotations_tables(audit: Audit) -> Tables:
    """The rotations of the quarter, then those that were left half done."""
    done = audit.tables["rotations"]
    view = done.assign(place=done["environment"] + "/" + done["service"], days=_spans(done))
    view = view.rename(columns={"days": "days from trigger to done"})
    who = ["by", "approved_by", "ticket", "trigger", "days from trigger to done", "proof"]
    view = view[["secret", "place", "after_at", "by_at", *who]]
    note = "Proved: the ledger saw another value before. Claimed: only a record says so."
    return together(
        show(view, "Rotations of the quarter", note, empty="the ledger has none", year=audit.as_of.year),
    )


def _spans(done: pd.DataFrame) -> list[str]:
    """`0.4 to 1.2`; "" if nobody said since when it was due."""
    bounds = zip(done["days_to_done_min"], done["days_to_done_max"], strict=True)
    return ["" if pd.isna(low) else f"{low:g} to {high:g}" for low, high in bounds]


def effects_table(plan: RotationPlan) -> Table:
    """What to expect before anything is done."""
    lines = pd.DataFrame(plan.effects.lines, columns=["fact", "value"])
    return show(lines, f"What a rotation of {plan.scope.rule.name} breaks")


def runbook_table(plan: RotationPlan) -> Table:
    """The steps in order, each with what to type."""
    steps = [
        {
            "step": number,
            "place": step.environment,
            "text": step.text,
            "command": "; ".join(step.commands),
            "verify": step.verify,
            "breaks": step.breaks,
        }
        for number, step in enumerate(plan.steps, 1)
    ]
    return show(pd.DataFrame(steps), f"The steps of {KINDS[plan.mode]}")


def progress_tables(plan: RotationPlan) -> Tables:
    """Which steps are done by evidence, and which halves are missing."""
    progress = plan.progress()
    columns = ["step", "place", "state", "why"]
    steps = pd.DataFrame(
        [[getattr(one, name) for name in columns] for one in progress.steps], columns=columns
    )
    halves = pd.DataFrame({"half done": list(map(str, progress.half_done))})
    return together(show(steps, "What evidence shows"), show(halves, "Left half done"))

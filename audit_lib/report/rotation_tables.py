"""The tables of a rotation: what it breaks, its steps, which of them are done."""

import pandas as pd

from audit_lib.report.table import Table, Tables, show, together
from audit_lib.rotation.plan import RotationPlan


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
    kind = "of a compromised value" if plan.compromised else "of a scheduled rotation"
    return show(pd.DataFrame(steps), f"The steps {kind}")


def progress_tables(plan: RotationPlan) -> Tables:
    """Which steps are done by evidence, and which halves are missing."""
    progress = plan.progress()
    columns = ["step", "place", "state", "why"]
    steps = pd.DataFrame(
        [[getattr(one, name) for name in columns] for one in progress.steps], columns=columns
    )
    halves = pd.DataFrame({"half done": list(progress.half_done)})
    return together(show(steps, "What evidence shows"), show(halves, "Left half done"))

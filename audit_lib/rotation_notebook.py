"""What the notebook of a rotation imports: open a rotation, then show one table or figure a cell.

Importing it installs the guard (by `audit_lib.notebook`): from then on no output holds a value.
"""

from audit_lib.ledger.keys import keeper_of
from audit_lib.opening import current_instant, open_guarded, project_folder, refuse_misspelt, refuse_unusable
from audit_lib.report.publish.publication import Publication, prepare
from audit_lib.report.rotation_figure import coupling_figure as coupling_figure
from audit_lib.report.rotation_tables import (
    effects_table as effects_table,
    progress_tables as progress_tables,
    runbook_table as runbook_table,
)
from audit_lib.rotation.plan import RotationPlan, plan_rotation
from audit_lib.settings import choose_policy, instant_of, load_project


def open_rotation(
    project: str = "", secret: str = "", compromised: bool = False, as_of: str = "", policy: str = ""
) -> RotationPlan:
    """The rotation that a notebook's parameters name; the notebook says what each means.

    Raises:
        BadInput: one fault for each parameter that cannot be used.
    """
    given = {"project": project, "secret": secret, "as_of": as_of, "policy": policy}
    refuse_misspelt(given)
    refuse_unusable(given)
    with project_folder(project) as root:
        opened = load_project(root, sample=not project)
        keeper, rules = keeper_of(opened), choose_policy(opened, policy)
        named = secret or next((rule.name for rule in rules.secrets), "")
        moment = instant_of(opened, as_of or opened.pinned_as_of or current_instant())

        mode = "compromised" if compromised else "scheduled"

        def planned() -> Publication[RotationPlan]:
            plan = plan_rotation(named, opened, rules, keeper, moment, mode=mode)
            return prepare(plan, plan.read.inventory, rules, opened.name, keeper=keeper, artefacts=1)

        return open_guarded(given, keeper, planned)

"""A review as it is published: of an audit, in these artefacts."""

from collections.abc import Mapping
from dataclasses import replace

from audit_lib.findings.audit import Audit
from audit_lib.report.publish.publication import Publication, prepare
from audit_lib.secrecy.keeper import EVIDENCE, MANIFEST, Keeper

NOTEBOOK = "quarterly_review.ipynb"
ARTEFACTS = (
    NOTEBOOK, "report.html", "report.pdf", "owner.md", "report.json", "findings.csv",
    "findings.sarif", "calendar.ics", "REPERFORM.md", MANIFEST, EVIDENCE,
)  # fmt: skip


def reviewed(audit: Audit, keeper: Keeper, parameters: Mapping[str, str]) -> Publication[Audit]:
    """The review of an audit; the same whether `review` publishes it or a notebook is run by hand.

    The parameters are those of the notebook, for whoever runs it again.

    Raises:
        Refused: the keeper is not the one that the audit filled, so its values could not be searched for.
    """
    inventory = audit.tables["inventory"]
    made = prepare(
        audit, inventory, audit.policy, audit.project.name, keeper=keeper, artefacts=len(ARTEFACTS)
    )
    return replace(
        made, content=replace(audit, seal_statement=made.plan.statement(), parameters=dict(parameters))
    )

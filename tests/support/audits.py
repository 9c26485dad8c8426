"""Audits of projects for tests, opened without a notebook."""

from pathlib import Path
from typing import Any

from audit_lib.audit import Audit
from audit_lib.base.clock import Quarter, parse_instant
from audit_lib.ledger.keys import key_of
from audit_lib.secrecy.keeper import Keeper
from audit_lib.settings import GivenValues, Project, choose_policy


def run_audit(
    project: Project,
    quarter: str = "",
    as_of: str = "",
    *,
    policy: str = "",
    given: tuple[GivenValues, ...] = (),
    keeper: Keeper | None = None,
    previous: Path | None = None,
    identities: str = "masked",
    **parameters: Any,
) -> Audit:
    """The audit of a quarter, by default the sample's; `parameters` are those of the notebook."""
    moment = parse_instant(as_of or project.pinned_as_of, "as_of")
    return Audit(
        project=project,
        policy=choose_policy(project, policy),
        quarter=Quarter.named(quarter, moment),
        as_of=moment,
        keeper=Keeper(key_of(project)) if keeper is None else keeper,
        given=given,
        previous=previous,
        identities=identities,
        parameters=parameters,
    )

"""An audit as its review shows it: what the seal will search for is stated in it."""

from dataclasses import dataclass, replace

from audit_lib.audit import Audit
from audit_lib.errors import Refused
from audit_lib.publishing.seal import Classes, SealPlan, classify, plan, public_text
from audit_lib.secrecy.keeper import Keeper

# What a review publishes; its seal searches all of them.
ARTEFACTS = ("quarterly_review.ipynb", "report.html", "report.json", "findings.csv", "MANIFEST.json")


@dataclass(frozen=True)
class Review:
    """What the artefacts are made from, and what they are searched for."""

    audit: Audit
    classes: Classes
    plan: SealPlan


def reviewed(audit: Audit, keeper: Keeper) -> Review:
    """The review of an audit; the same whether `review` publishes it or a notebook is run by hand.

    Raises:
        Refused: the keeper is not the one that the audit filled, so its values could not be searched for.
    """
    if not all(fingerprint in keeper for fingerprint in audit.inventory["fingerprint"].dropna()):
        raise Refused("the values of this audit are not at hand: its report could not be searched for them")
    places = (*audit.inventory["environment"].unique(), *audit.inventory["service"].unique())
    public = public_text(audit.policy, audit.project.name, *map(str, places))
    classes = classify(keeper, audit.inventory, public)
    planned = plan(keeper, classes, len(ARTEFACTS))
    return Review(replace(audit, seal_statement=planned.statement()), classes, planned)

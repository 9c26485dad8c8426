"""Writes the artefacts of a review: the executed notebook, and what is rendered from it and the audit."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import nbformat

from audit_lib.audit import Audit
from audit_lib.base.errors import Refused
from audit_lib.report.csv_text import findings_csv
from audit_lib.report.page import page
from audit_lib.report.publish.atomic_folder import MANIFEST
from audit_lib.report.publish.manifest import manifest, to_json
from audit_lib.report.publish.seal import Classes, Sealing, SealPlan, classify, plan, public_text, seal
from audit_lib.report.publish.source_notebooks import source_notebook
from audit_lib.report.report_json import report_record
from audit_lib.report.report_json import to_json as record_json
from audit_lib.secrecy import guard
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.kernel_pipe import Handoff

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


NOTEBOOK = ARTEFACTS[0]
SOURCE = source_notebook(NOTEBOOK)


# Makes the executed notebook of what is handed over (runner.started).
Finish = Callable[[Handoff], nbformat.NotebookNode]


def write_review(
    folder: Path, review: Review, parameters: Mapping[str, object], keeper: Keeper, finish: Finish
) -> None:
    """Write every artefact of a review into a folder and search them all.

    Raises:
        Refused: a secret value stands in one of them.
        AuditError: the notebook failed.
    """
    audit, classes = review.audit, review.classes
    handed = Handoff(parameters, audit, keeper, classes.sealed, classes.open, classes.public)
    executed = finish(handed)
    texts = {
        NOTEBOOK: nbformat.writes(executed) + "\n",
        "report.html": page(executed),
        "report.json": record_json(report_record(audit)),
        "findings.csv": findings_csv(audit.findings),
    }
    for name, text in texts.items():
        _write(folder / name, text)
    _write(folder / MANIFEST, to_json(manifest(audit, folder, review.plan)))
    seal(folder, Sealing(keeper, classes, review.plan))


def _write(path: Path, text: str) -> None:
    # A path or a log line may itself hold a value: it is removed here, and the seal still searches.
    path.write_text(guard.scrub(text), "utf-8", newline="\n")

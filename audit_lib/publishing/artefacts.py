"""Writes the artefacts of a review: the executed notebook, and what is rendered from it and the audit."""

from collections.abc import Callable, Mapping
from pathlib import Path

import nbformat

from audit_lib.publishing.manifest import manifest, to_json
from audit_lib.publishing.publish import MANIFEST
from audit_lib.publishing.review import ARTEFACTS, Review
from audit_lib.publishing.seal import Sealing, seal
from audit_lib.report.csv_file import findings_csv
from audit_lib.report.page import page
from audit_lib.report.record import report_record
from audit_lib.report.record import to_json as record_json
from audit_lib.secrecy import guard
from audit_lib.secrecy.handoff import Handoff
from audit_lib.secrecy.keeper import Keeper

NOTEBOOK = ARTEFACTS[0]
SOURCE = Path(__file__).parents[2] / "notebooks" / NOTEBOOK


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

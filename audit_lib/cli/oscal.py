"""`oscal`: a published report in NIST's format for the results of an assessment."""

import json
from pathlib import Path

import click
import fastjsonschema

from audit_lib.base.errors import BadInput
from audit_lib.cli.options import PATH
from audit_lib.report.json_text import to_json
from audit_lib.report.oscal import assessment_results
from audit_lib.report.report_json import schema


@click.command()
@click.argument("report", type=PATH)
@click.option("--out", type=PATH, help="Write to this file (default: to the terminal).")
def oscal(report: Path, out: Path | None) -> None:
    """Write a report as OSCAL assessment results.

    REPORT is the folder of a review, or its report.json. What is not known is never satisfied, and no control
    of a catalog is said to be: rules are the objectives, and controls are named for relevance.
    """
    path = report / "report.json" if report.is_dir() else report
    text = to_json(assessment_results(_record(path)))
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        out.write_text(text, "utf-8")
    except OSError as error:
        raise BadInput.at(str(out), f"cannot be written: {error.strerror}") from None


def _record(path: Path) -> dict[str, object]:
    """The report; `BadInput` if it is none of this version."""
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        raise BadInput.at(str(path), "cannot be read as a report.json") from None
    try:
        checked: dict[str, object] = fastjsonschema.validate(schema(), record)
    except fastjsonschema.JsonSchemaValueException:
        raise BadInput.at(str(path), "is not a report.json of this version") from None
    return checked

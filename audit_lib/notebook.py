"""What a notebook imports: open an audit, then show one table or figure a cell.

Importing it installs the guard, so it is the first cell: from then on no output holds a value.
"""

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from audit_lib.base.clock import Quarter, parse_instant
from audit_lib.base.errors import BadInput, Fault
from audit_lib.findings.audit import Audit
from audit_lib.ledger.keys import keeper_of
from audit_lib.logs.log_files import with_logs
from audit_lib.opening import open_guarded, project_folder, refuse_misspelt
from audit_lib.report.first_screen import do_first as do_first, falls_due as falls_due, not_known as not_known
from audit_lib.report.frames import frame as frame, frames as frames
from audit_lib.report.headline import headline as headline
from audit_lib.report.key_figures import key_figures as key_figures
from audit_lib.report.leak_tables import leaks_tables as leaks_tables
from audit_lib.report.known_values import known_values
from audit_lib.report.publish.publication import Publication
from audit_lib.report.publish.reviewed import reviewed
from audit_lib.report.review_figures import ages_figure as ages_figure, refused_figure as refused_figure
from audit_lib.report.rich_table import show as show
from audit_lib.report.sections import (
    ages_tables as ages_tables,
    auditor_tables as auditor_tables,
    coverage_tables as coverage_tables,
    decisions_tables as decisions_tables,
    findings_tables as findings_tables,
    logins_tables as logins_tables,
    values_tables as values_tables,
)
from audit_lib.report.table import Table, show as table
from audit_lib.secrecy import kernel_pipe as handoff
from audit_lib.secrecy.identities import MODES
from audit_lib.settings import Project, load_project


def open_audit(  # noqa: PLR0917  so that a cell of a notebook is one line
    project: str = "",
    quarter: str = "",
    as_of: str = "",
    policy: str = "",
    ledger: str = "",
    previous: str = "",
    identities: str = "masked",
    logs: str = "",
) -> Audit:
    """The audit that a notebook's parameters name: handed over by `review`, or else computed here.

    The notebook says beside each parameter what it means; "" is none.

    Raises:
        BadInput: one fault for each parameter that cannot be used, all at once.
    """
    given = {
        "project": project,
        "quarter": quarter,
        "as_of": as_of,
        "policy": policy,
        "ledger": ledger,
        "previous": previous,
        "identities": identities,
        "logs": logs,
    }
    refuse_misspelt(given)
    # What is handed over was checked by `review`, in whose folder a relative path begins.
    handed = handoff.receive(given)
    if isinstance(handed, Audit):
        return handed
    check(given)
    with project_folder(project) as root:
        opened = with_named_logs(load_project(root, _path(ledger), sample=not project), logs)
        keeper = keeper_of(opened)

        def audited() -> Publication[Audit]:
            from audit_lib.audit import run_audit  # noqa: PLC0415  nothing runs where `review` hands over

            audit = run_audit(
                opened,
                quarter,
                as_of,
                policy=policy,
                keeper=keeper,
                previous=_path(previous),
                identities=identities,
            )
            return reviewed(audit, keeper, given)

        return open_guarded(given, keeper, audited)


def guard_project(project: str = ".", policy: str = "") -> Table:
    """Guard a notebook of one's own: from now on no output holds a value of the project's env files.

    Raises:
        BadInput: the project, its policy or an env file cannot be used; or it holds no value.
    """
    opened = load_project(Path(project).expanduser().resolve())
    keeper = keeper_of(opened)
    classes = known_values(opened, keeper, policy).classes
    guarded_here = len(classes.sealed | classes.whole)
    if not guarded_here:
        raise BadInput.at("project", "has no value to guard: name the folder with its env files")
    told = {
        "guarded": guarded_here,
        "too weak to be distinguished from ordinary text": len(classes.not_searched),
    }
    return table(pd.DataFrame({"values": list(told), "count": list(told.values())}), "Guarded from here on")


def check(parameters: Mapping[str, Any]) -> None:
    """Raise `BadInput` with every parameter that is no text, or no quarter, date, path or mode."""
    faults = [
        Fault(name, f"is of type {type(value).__name__}: write it in quotes")
        for name, value in parameters.items()
        if not isinstance(value, str)
    ]
    if faults:
        raise BadInput(faults)
    rules: dict[str, tuple[Callable[[str], Any], str]] = {
        "quarter": (Quarter.parse, ""),
        "as_of": (lambda text: parse_instant(text, "as_of"), ""),
        "project": (lambda text: Path(text).expanduser().is_dir(), "is not a folder"),
        "previous": (lambda text: Path(text).expanduser().is_file(), "is not a file"),
        "identities": (MODES.__contains__, f"must be one of {', '.join(MODES)}"),
    }
    for name, (rule, fault) in rules.items():
        faults += _broken(name, parameters[name], rule, fault) if parameters[name] else []
    if faults:
        raise BadInput(faults)


def _broken(name: str, text: str, rule: Callable[[str], Any], fault: str) -> list[Fault]:
    try:
        return [] if rule(text) else [Fault(name, fault)]
    except BadInput as error:
        return list(error.faults)
    except (OSError, ValueError):  # a path that no system can have
        return [Fault(name, fault)]


def _path(text: str) -> Path | None:
    return Path(text).expanduser().resolve() if text else None


def with_named_logs(project: Project, logs: str) -> Project:
    """The project with the logs that the parameter `logs` names, as `--log` would; `BadInput` for others."""
    try:
        return with_logs(project, shlex.split(logs))
    except ValueError:
        raise BadInput.at("logs", "has a quote that is not closed") from None

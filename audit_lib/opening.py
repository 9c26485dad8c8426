"""How a notebook opens an audit: guarded from the import on, parameters checked, our errors as one line."""

import atexit
import json
import os
import shlex
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
from IPython.core.getipython import get_ipython

from audit_lib.audit import Audit, Options
from audit_lib.base.clock import Quarter, iso, parse_instant
from audit_lib.base.errors import AuditError, BadInput, Fault
from audit_lib.base.in_words import nearest
from audit_lib.ledger.keys import keeper_of
from audit_lib.logs.log_files import with_logs
from audit_lib.report.figures import show_in_kernel
from audit_lib.report.folder import scratch_folder
from audit_lib.report.inherited import given_bytes, report_error, report_progress
from audit_lib.report.known_values import guard_values, known_values
from audit_lib.sample import build_sample
from audit_lib.secrecy import guard
from audit_lib.secrecy.identities import MODES
from audit_lib.secrets.given import parse_env_options
from audit_lib.settings import GivenValues, Project, choose_policy, instant_of, load_project


def open_audit(  # noqa: PLR0917  so that a cell of a notebook is one line
    project: str = "",
    quarter: str = "",
    as_of: str = "",
    policy: str = "",
    previous: str = "",
    ledger: str = "",
    identities: str = "masked",
    logs: str = "",
) -> Audit:
    """The audit of a project, or of the bundled sample for ""; no frame of it is computed yet.

    Raises:
        BadInput: one fault for each parameter that cannot be used, all at once.
    """
    given = {
        "project": project,
        "quarter": quarter,
        "as_of": as_of,
        "policy": policy,
        "previous": previous,
        "ledger": ledger,
        "identities": identities,
        "logs": logs,
    }
    check_parameters(given)
    opened, values = open_project(project, ledger, logs)
    moment = instant_of(opened, as_of or opened.pinned_as_of or current_instant())
    audit = Audit(
        project=opened,
        policy=choose_policy(opened, policy),
        quarter=Quarter.chosen(quarter, moment),
        as_of=moment,
        keeper=keeper_of(opened),
        options=Options(values, _path(previous), identities, given, report_progress),
    )
    guard.install(audit.keeper)
    guard_values(audit.keeper, audit.inventory, audit.policy, audit.project)
    refuse_values(given)
    return audit


def open_project(project: str, ledger: str = "", logs: str = "") -> tuple[Project, tuple[GivenValues, ...]]:
    """The project that a notebook's parameters name, and the values that its command gave for this run."""
    run = _given_for_this_run()
    root = Path(project).expanduser().resolve() if project else sample_folder()
    opened = load_project(root, _path(ledger), sample=not project)
    try:
        named = shlex.split(logs)
    except ValueError:
        raise BadInput.at("logs", "has a quote that is not closed") from None
    spooled = run.get("log", "")
    if spooled:
        with Path(spooled).open("rb") as stream:
            opened = with_logs(opened, named, stream, lambda _: Path(spooled))
    else:
        opened = with_logs(opened, named)
    return opened, parse_env_options(run.get("env", ()), BytesIO(run.get("stdin", "").encode("latin-1")))


@cache
def _given_for_this_run() -> Mapping[str, Any]:
    """What the command gave this kernel; its relative paths begin in the command's folder."""
    given: dict[str, Any] = json.loads(given_bytes() or b"{}")
    if folder := given.get("folder"):
        sys.path[:] = [entry for entry in sys.path if entry]  # no module of that folder may be imported
        os.chdir(folder)
        os.environ.update(given.get("environ", {}))
    return given


@cache
def sample_folder() -> Path:
    """The bundled sample, built in a folder that is removed at the end of the process."""
    stack = ExitStack()
    atexit.register(stack.close)
    root = stack.enter_context(scratch_folder("audit-sample-")) / "sample"
    build_sample(root)
    return root


def guard_project(project: str = ".", policy: str = "") -> pd.DataFrame:
    """Guard a notebook of one's own: from now on no output holds a value of the project's env files.

    Raises:
        BadInput: the project, its policy or an env file cannot be used; or it holds no value.
    """
    opened = load_project(Path(project).expanduser().resolve())
    classes = known_values(opened, keeper_of(opened), policy).classes
    guarded = len(classes.sealed | classes.whole)
    if not guarded:
        raise BadInput.at("project", "has no value to guard: name the folder with its env files")
    counts = {"guarded": guarded, "too weak to tell from ordinary text": len(classes.not_searched)}
    return pd.DataFrame({"values": counts.values()}, index=pd.Index(counts.keys(), name="from here on"))


def check_parameters(parameters: Mapping[str, Any]) -> None:
    """Raise `BadInput` with every parameter that is not a text, quarter, date, path or mode.

    Also with each text of the notebook that has nearly the name of one: papermill passes on what a notebook
    does not have, and the default would be reviewed without a word.
    """
    shell = get_ipython()
    texts = [name for name, value in shell.user_ns.items() if isinstance(value, str)] if shell else []
    hints = {name: nearest(name, parameters) for name in texts if name not in parameters and name[0] != "_"}
    faults = [Fault(name, f"is not a parameter{hint}") for name, hint in hints.items() if hint]
    for name, text in parameters.items():
        rule = _RULES.get(name)
        if not isinstance(text, str):
            faults.append(Fault(name, "is not a text: write it in quotes"))
        elif text and rule:
            faults += _broken(name, text, *rule)
    if faults:
        raise BadInput(faults)


_RULES: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "quarter": (Quarter.parse, ""),
    "as_of": (lambda text: parse_instant(text, "as_of"), ""),
    "project": (lambda text: _path(text).is_dir(), "is not a folder"),  # type: ignore[union-attr]
    "previous": (lambda text: _path(text).is_file(), "is not a file"),  # type: ignore[union-attr]
    "identities": (MODES.__contains__, f"must be one of {', '.join(MODES)}"),
}


def _broken(name: str, text: str, rule: Callable[[str], Any], fault: str) -> list[Fault]:
    _given_for_this_run()  # relative paths begin there
    try:
        return [] if rule(text) else [Fault(name, fault)]
    except BadInput as error:
        return list(error.faults)
    except (OSError, ValueError):  # a path that no system can have
        return [Fault(name, fault)]


def refuse_values(parameters: Mapping[str, str]) -> None:
    """A parameter is written into the notebook in clear, so none may be a value that was just read."""
    named = [name for name, text in parameters.items() if guard.scrub(text) != text]
    if named:
        raise BadInput(Fault(name, "looks like a secret value: name a file or a date") for name in named)


def current_instant() -> str:
    """Now, as a parameter would name it. Beside the commands only this module reads the clock."""
    return iso(datetime.now(UTC))


def _path(text: str) -> Path | None:
    return Path(text).expanduser().resolve() if text else None


def _say_in_one_line(
    shell: Any, kind: type[BaseException], error: BaseException, *_: object, **__: object
) -> None:
    """Our own errors are for people: place, then fault, without a traceback through our code."""
    if isinstance(error, AuditError):
        report_error(error)
    shell._showtraceback(kind, error, [f"{kind.__name__}: {guard.scrub(str(error))}"])


def _prepare(shell: Any) -> None:
    """Have a kernel show frames in full width and figures as they are described."""
    shell.set_custom_exc((AuditError,), _say_in_one_line)
    show_in_kernel(shell)
    pd.set_option(
        *("display.max_rows", 30),
        *("display.min_rows", 20),
        *("display.max_columns", 20),
        *("display.max_colwidth", 100),
        *("display.precision", 1),
        *("display.width", 160),
    )


guard.install()
if (_shell := get_ipython()) is not None:
    _prepare(_shell)

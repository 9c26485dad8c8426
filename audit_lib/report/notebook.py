"""How a notebook opens a project: parameters checked, outputs guarded, our errors in one line."""

import atexit
import json
import os
import shlex
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from IPython.core.getipython import get_ipython
from pandas.io.formats.style import Styler

from audit_lib.base.clock import Quarter, iso, parse_instant
from audit_lib.base.errors import AuditError, BadInput, Fault
from audit_lib.base.in_words import nearest
from audit_lib.ledger.keys import key_of
from audit_lib.logs.files import with_logs
from audit_lib.report import CHANNEL
from audit_lib.report.known_values import guard_values
from audit_lib.sample import build_sample
from audit_lib.secrecy.guard import install, scrub
from audit_lib.secrecy.identities import MODES
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.seal import Classes
from audit_lib.secrets.read_project import ProjectRead
from audit_lib.settings import choose_policy, load_project
from audit_lib.settings.models import AS_JSON


def open_project(parameters: Mapping[str, str]) -> dict[str, Any]:
    """What a notebook's parameters open, as `ProjectRead` takes it, with the values given for this run.

    From now on no output holds a value that is read into its keeper. Raises `BadInput` with one fault for
    each parameter that cannot be used, all at once."""
    check_parameters(parameters)
    run, root = _given_for_this_run(), parameters["project"]
    ledger, logs = parameters.get("ledger"), parameters.get("logs", "")
    folder = Path(root).expanduser().resolve() if root else _sample()
    project = load_project(folder, Path(ledger).expanduser().resolve() if ledger else None, sample=not root)
    spooled = Path(run.get("log") or os.devnull)
    try:
        with spooled.open("rb") as stream:
            project = with_logs(project, shlex.split(logs), stream, lambda _: spooled)
    except ValueError:
        raise BadInput.at("logs", "has a quote that is not closed") from None
    keeper, now = Keeper(key_of(project)), iso(datetime.now(UTC))
    install(keeper)
    return {
        "project": project,
        "policy": choose_policy(project, parameters.get("policy", "")),
        "keeper": keeper,
        "as_of": parse_instant(parameters.get("as_of") or project.pinned_as_of or now, "as_of"),
        "given": AS_JSON.validate_json(run.get("given", "[]")),
    }


@cache
def _sample() -> Path:
    folder = TemporaryDirectory(prefix="audit-sample-")
    atexit.register(folder.cleanup)
    build_sample(root := Path(folder.name) / "sample")
    return root


def guard_read(read: ProjectRead, parameters: Mapping[str, str]) -> Classes:
    """The values that no output shows from now on; `BadInput` if a parameter, which it shows, is one."""
    classes = guard_values(read)
    if named := [name for name, text in parameters.items() if scrub(text) != text]:
        raise BadInput(Fault(name, "looks like a secret value: name a file or a date") for name in named)
    return classes


def guard(project: str = ".", policy: str = "") -> pd.DataFrame:
    """Guard a notebook of one's own: from now on no output holds a value of the project's env files.

    Raises `BadInput` if the project, its policy or an env file cannot be used, or it holds no value."""
    parameters = {"project": str(Path(project).resolve()), "policy": policy}
    classes = guard_values(ProjectRead(**open_project(parameters)))
    guarded, weak = len(classes.sealed | classes.whole), len(classes.not_searched)
    if not guarded:
        raise BadInput.at("project", "has no value to guard: name the folder with its env files")
    counts = {"guarded": guarded, "too weak to tell from ordinary text": weak}
    return pd.Series(counts).rename_axis("from here on").to_frame("values")


# By name what must hold of a parameter's text, or raises `BadInput`, and what is wrong if it does not.
_RULES: Mapping[str, tuple[Callable[[str], object], str]] = {
    "quarter": (Quarter.parse, ""),
    "as_of": (lambda text: parse_instant(text, "as_of"), ""),
    "project": (lambda text: Path(text).expanduser().is_dir(), "is not a folder"),
    "previous": (lambda text: Path(text).expanduser().is_file(), "is not a file"),
    "identities": (MODES.__contains__, f"must be one of {', '.join(MODES)}"),
}


def check_parameters(parameters: Mapping[str, Any]) -> None:
    """Raise `BadInput` with every parameter that is not a text, quarter, date, path or mode.

    Also with each text that has nearly the name of one, which papermill passes on without a word."""
    _given_for_this_run()  # relative paths begin in the command's folder
    shell: Any = get_ipython()
    names = shell.user_ns.items() if shell else ()
    others = [name for name, value in names if isinstance(value, str) and name not in parameters]
    hints = {name: nearest(name, parameters) for name in others if name[0] != "_"}
    faults = [Fault(name, f"is not a parameter{hint}") for name, hint in hints.items() if hint]
    for name, text in parameters.items():
        rule, fault = _RULES.get(name, (bool, ""))
        try:
            if not isinstance(text, str):
                faults.append(Fault(name, "is not a text: write it in quotes"))
            elif text and not rule(text):
                faults.append(Fault(name, fault))
        except BadInput as error:
            faults += error.faults
        except (OSError, ValueError):  # a path that no system can have
            faults.append(Fault(name, fault))
    if faults:
        raise BadInput(faults)


# ---- The kernel, and the command that started it ----


@cache
def _command() -> socket.socket | None:
    """The connection to the command; None in a kernel that somebody else started."""
    number = os.environ.pop(CHANNEL, "")
    return socket.socket(fileno=int(number)) if number else None


@cache
def _given_for_this_run() -> Mapping[str, Any]:
    """What the command gave this kernel alone; its relative paths begin in the command's folder."""
    command = _command()
    given: dict[str, Any] = json.loads(command.makefile("rb").read() or b"{}") if command else {}
    if folder := given.get("folder"):
        import_module("matplotlib")  # which takes settings from the folder that it is imported in
        sys.path[:] = [entry for entry in sys.path if entry]  # no module of that folder may be imported
        os.chdir(folder)
        os.environ.update(given.get("environ", {}))
    return given


def report_progress(part: str, done: int, total: int) -> None:
    """Let the command know how far the work is; without a command, or if it has ended, nothing happens."""
    if command := _command():
        with suppress(OSError):
            command.sendall(f"{json.dumps([part, done, total])}\n".encode())


def prepare_kernel() -> None:
    """Guard the kernel's outputs; have it show frames in full width and figures as they are described."""
    install()
    shell: Any = get_ipython()
    if shell is None:
        return
    shell.set_custom_exc((AuditError,), _show_in_one_line)
    image, plain = (shell.display_formatter.formatters[kind] for kind in ("image/png", "text/plain"))
    axes, figures = ("matplotlib.axes._axes", "Axes"), partial(import_module, "audit_lib.report.figures")
    image.for_type_by_name(*axes, lambda each: figures().output(each))  # which is imported with a figure
    plain.for_type_by_name(*axes, lambda each, printer, _: printer.text(figures().description(each)))
    # By itself a Styler says where in memory it is.
    plain.for_type(Styler, lambda styler, printer, _: printer.text(styler.to_string()))
    pd.set_option("display.max_rows", 30, "display.min_rows", 20, "display.max_columns", 20)
    pd.set_option("display.max_colwidth", 100, "display.width", 160, "display.precision", 1)


def _show_in_one_line(shell: Any, kind: type[Any], error: Any, *_: object, **__: object) -> None:
    """Our own errors are for people: place, then fault, without a traceback through our code."""
    shell._showtraceback(kind, error, [f"{kind.__name__}: {scrub(str(error))}"])

"""How a notebook opens: guarded from the import on, its parameters looked at, our errors as one line.

Importing it installs the guard.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from IPython.core.getipython import get_ipython

from audit_lib.base.clock import iso
from audit_lib.base.errors import AuditError, BadInput, Fault
from audit_lib.base.in_words import nearest
from audit_lib.report.publish.publication import Content, Publication, guarded
from audit_lib.report.publish.scratch import scratch_folder
from audit_lib.sample import build_sample
from audit_lib.secrecy import guard
from audit_lib.secrecy.keeper import Keeper


def open_guarded(
    parameters: Mapping[str, str], keeper: Keeper, make: Callable[[], Publication[Content]]
) -> Content:
    """What `make` gives, once the guard knows its values; `BadInput` if a parameter is one of them."""
    made = guarded(keeper, make)
    refuse_values(parameters)
    return made.content


def refuse_misspelt(parameters: Mapping[str, Any]) -> None:
    """Raise `BadInput` for each text that a notebook has set under nearly the name of a parameter.

    papermill passes on what the notebook does not have; the default would be reviewed without a word.
    """
    shell = get_ipython()
    texts = [name for name, value in shell.user_ns.items() if isinstance(value, str)] if shell else []
    hints = {name: nearest(name, parameters) for name in texts if name not in parameters and name[0] != "_"}
    if any(hints.values()):
        raise BadInput(Fault(name, f"is not a parameter{hint}") for name, hint in hints.items() if hint)


def refuse_unusable(parameters: Mapping[str, Any]) -> None:
    """Raise `BadInput` for each parameter that is not a text, and for a project that is not a folder."""
    wrong = [name for name, text in parameters.items() if not isinstance(text, str)]
    if wrong:
        raise BadInput(Fault(name, "is not a text: write it in quotes") for name in wrong)
    if parameters["project"] and not Path(parameters["project"]).expanduser().is_dir():
        raise BadInput.at("project", "is not a folder")


def refuse_values(parameters: Mapping[str, str]) -> None:
    """A parameter is written into the notebook in clear, so none may be a value that was just read."""
    named = [name for name, text in parameters.items() if guard.scrub(text) != text]
    if named:
        raise BadInput(Fault(name, "looks like a secret value: name a file or a date") for name in named)


def current_instant() -> str:
    """Now, as a parameter would name it. Beside the commands only this module reads the clock."""
    return iso(datetime.now(UTC))


@contextmanager
def project_folder(project: str) -> Iterator[Path]:
    """The project's folder; for "" the bundled sample, built in a folder that is removed afterwards."""
    if project:
        yield Path(project).expanduser().resolve()
        return
    with scratch_folder("audit-sample-") as folder:
        root = folder / "sample"
        build_sample(root)
        yield root


def _say_in_one_line(
    shell: Any, kind: type[BaseException], error: BaseException, *_: object, **__: object
) -> None:
    """Our own errors are for people: place, then fault, without a traceback through our code."""
    shell._showtraceback(kind, error, [f"{kind.__name__}: {guard.scrub(str(error))}"])


guard.install()
if (_shell := get_ipython()) is not None:
    _shell.set_custom_exc((AuditError,), _say_in_one_line)  # type: ignore[no-untyped-call]

"""Runs a notebook by papermill in this process and returns it without what differs from run to run."""

import os
import resource
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import nbformat
import papermill
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, papermill_engines
from papermill.exceptions import PapermillExecutionError

from audit_lib.errors import AuditError, BadInput, Fault
from audit_lib.guard import scrub
from audit_lib.handoff import HANDOFF, Handoff, offered
from audit_lib.scratch import scratch_folder

CELL_TIMEOUT = 600  # seconds
_ENGINE = "audit_lib"
# What a kernel needs of our own environment; everything else may hold a secret.
_KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "SYSTEMROOT", "VIRTUAL_ENV", "AUDIT_KEY_FILE")


def run_notebook(
    source: Path,
    parameters: Mapping[str, object],
    *,
    handoff: Handoff | None = None,
    cell_timeout: int = CELL_TIMEOUT,
    watched: bool | None = None,
) -> nbformat.NotebookNode:
    """The executed notebook, normalised (`normalise`); nothing is written.

    Args:
        handoff: what the kernel gets through an inherited pipe (handoff.py).
        watched: show a progress bar; by default where a person watches stderr.

    Raises:
        BadInput: a parameter that the notebook does not have, or that looks like a secret; or what the
            notebook itself refused.
        AuditError: a cell failed, took longer than `cell_timeout` seconds, or the kernel died.
    """
    check_parameters(source, parameters)
    forbid_core_dumps()
    papermill_engines.register(_ENGINE, _GuardedEngine)
    with scratch_folder("audit-kernel-") as scratch, offered(handoff) as pipe:
        environment = kernel_environment(scratch)
        if pipe is not None:
            environment[HANDOFF] = str(pipe)
        with _own_errors(source.name):
            executed = papermill.execute_notebook(
                nbformat.read(source, as_version=4),
                None,
                parameters=dict(parameters),
                engine_name=_ENGINE,
                kernel_name="python3",
                progress_bar=sys.stderr.isatty() if watched is None else watched,
                start_timeout=60,
                request_save_on_cell_execute=False,
                execution_timeout=cell_timeout,
                scratch=scratch,
                environment=environment,
                pipe=pipe,
            )
    return normalise(executed)


def check_parameters(source: Path, parameters: Mapping[str, object]) -> None:
    """Raise `BadInput` with every parameter that the notebook lacks or that is a known secret value."""
    known = papermill.inspect_notebook(source)
    faults = [
        Fault(f"{source.name}: parameter {name}", f"is none of its parameters: {', '.join(known)}")
        for name in parameters
        if name not in known
    ]
    faults += [
        Fault(
            f"{source.name}: parameter {name}",
            "looks like a secret value; a parameter is a path, name or date",
        )
        for name, value in parameters.items()
        if name in known and scrub(str(value)) != str(value)
    ]
    if faults:
        raise BadInput(faults)


def normalise(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook without run times, paths and versions (spec notebooks.md, "Byte-identical")."""
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    for number, cell in enumerate(notebook.cells, start=1):
        cell.id = f"cell-{number:02d}"
        for entry in ("papermill", "execution", "widgets"):
            cell.metadata.pop(entry, None)
        if not cell.metadata.get("tags"):
            cell.metadata.pop("tags", None)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def forbid_core_dumps() -> None:
    """Set RLIMIT_CORE to 0 for this process and all that it starts: a dump would hold the values."""
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def kernel_environment(scratch: Path) -> dict[str, str]:
    """The environment of a kernel: little of ours, and nothing that a project under audit could prepare."""
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    folders = {
        "HOME": "home",
        "IPYTHONDIR": "ipython",
        "JUPYTER_CONFIG_DIR": "jupyter-config",
        "JUPYTER_DATA_DIR": "jupyter-data",
        "JUPYTER_RUNTIME_DIR": "jupyter-runtime",
        "MPLCONFIGDIR": "matplotlib",
    }
    for name, folder in folders.items():
        (scratch / folder).mkdir(mode=0o700, exist_ok=True)
        environment[name] = str(scratch / folder)
    return environment | {
        "PYTHONSAFEPATH": "1",
        "PYTHONNOUSERSITE": "1",
        "PYTHONHASHSEED": "0",
        "TZ": "UTC",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }


class _GuardedEngine(Engine):  # type: ignore[misc]
    """papermill's engine with a kernel of our own: environment, encrypted transport, silent terminal."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> None:
        """Execute in a scratch folder, so that neither modules nor settings lie in the kernel's own."""
        scratch: Path = options["scratch"]
        manager = AsyncKernelManager(
            kernel_name=kernel_name,
            # Only ipykernel's own specification: one in the user's folders could name another program.
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),
            transport_encryption="required",
            connection_file=str(scratch / "connection.json"),
        )
        client = PapermillNotebookClient(
            nb_man,
            km=manager,
            timeout=options["execution_timeout"],
            startup_timeout=options["start_timeout"],
            record_timing=False,
            coalesce_streams=True,  # how a stream is cut into messages depends on time
            ipython_hist_file=":memory:",
        )
        client.owns_km = True  # it then stops the kernel at the end
        pipe = options["pipe"]
        with Path(os.devnull).open("w") as nowhere:
            client.execute(
                env=options["environment"],
                cwd=str(scratch),
                pass_fds=() if pipe is None else (pipe,),
                stdout=nowhere.fileno(),
                stderr=nowhere.fileno(),
            )


@contextmanager
def _own_errors(name: str) -> Iterator[None]:
    """Turn the libraries' errors into ours: place and kind, and a message only where it is ours."""
    try:
        yield
    except PapermillExecutionError as error:
        place = f"{name}, cell {error.cell_index + 1}"
        if error.ename == "BadInput":
            raise BadInput.at(place, scrub(error.evalue)) from None
        raise AuditError(f"{place}: stopped with {error.ename}") from None
    except CellTimeoutError:
        raise AuditError(f"{name}: a cell took too long and was stopped") from None
    except DeadKernelError:
        raise AuditError(f"{name}: the kernel died") from None

"""Runs a notebook by papermill in this process and returns it without what differs from run to run."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import nbformat
import papermill
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.engines import papermill_engines
from papermill.exceptions import PapermillExecutionError

from audit_lib.base.errors import AuditError, BadInput, Fault
from audit_lib.base.progress import Progress, quiet
from audit_lib.report.publish.jupyter_kernel import OwnEngine, OwnKernel
from audit_lib.report.publish.scratch import scratch_folder
from audit_lib.report.publish.source_notebooks import published_notebook
from audit_lib.secrecy.guard import forbid_core_dumps, scrub
from audit_lib.secrecy.kernel_pipe import Handoff, channel

CELL_TIMEOUT = 600  # seconds
_ENGINE = "audit_lib"


@contextmanager
def started(
    source: Path,
    parameters: Mapping[str, object],
    *,
    warm_up: str = "",
    cell_timeout: int = CELL_TIMEOUT,
    progress: Progress = quiet,
) -> Iterator[Callable[[Handoff | None], nbformat.NotebookNode]]:
    """A function that gives the executed notebook, normalised (`normalise`), once it is told the hand-over.

    The kernel is started at once, and runs the `warm_up` code, such as an import, while the caller makes
    the hand-over, which it gets through an inherited pipe (kernel_pipe.py). If the function is never called,
    the kernel is stopped at the end of the block. Nothing is written.

    Raises:
        BadInput: a parameter that the notebook does not have, or that looks like a secret; or what the
            notebook itself refused.
        AuditError: a cell failed, took longer than `cell_timeout` seconds, or the kernel died.
    """
    check_parameters(source, parameters)
    forbid_core_dumps()
    papermill_engines.register(_ENGINE, OwnEngine)
    with scratch_folder("audit-kernel-") as scratch, channel() as pipe, ThreadPoolExecutor(1) as threads:
        kernel = OwnKernel(scratch, pipe.reader, warm_up)
        running = threads.submit(
            papermill.execute_notebook,
            published_notebook(source),
            None,
            parameters=dict(parameters),
            engine_name=_ENGINE,
            kernel_name="python3",
            progress_bar=False,
            progress=progress,
            start_timeout=60,
            request_save_on_cell_execute=False,
            execution_timeout=cell_timeout,
            kernel=kernel,
        )

        def finish(handoff: Handoff | None) -> nbformat.NotebookNode:
            # What the audit read is known only now: a parameter may be one of its values.
            check_parameters(source, parameters)
            pipe.send(handoff)
            kernel.go()
            with _own_errors(source.name):
                return normalise(running.result())

        try:
            yield finish
        finally:
            if not running.done():
                kernel.stop()
                running.exception()


def check_parameters(source: Path, parameters: Mapping[str, object]) -> None:
    """Raise `BadInput` with every parameter that the notebook lacks or that is a known secret value."""
    known = papermill.inspect_notebook(source)
    faults = [
        Fault(f"{source.name}: parameter {name}", f"must be one of its parameters: {', '.join(known)}")
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
    """The notebook without run times, paths and versions (docs/design.md#same-bytes)."""
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


@contextmanager
def _own_errors(name: str) -> Iterator[None]:
    """Turn the libraries' errors into ours: place and kind, and a message only if it is ours."""
    try:
        yield
    except PapermillExecutionError as error:
        place = f"{name}, cell {error.cell_index + 1}"
        if error.ename == "BadInput":
            raise BadInput.at(place, scrub(error.evalue)) from None
        raise AuditError(f"{place}: stopped with {error.ename}") from None
    except CellTimeoutError:
        raise AuditError(f"{name}: a cell took too long and was stopped") from None
    except RuntimeError as error:
        # jupyter_client raises a plain one for a kernel that died, or hung, before it was ready.
        if isinstance(error, DeadKernelError) or str(error).startswith("Kernel d"):
            raise AuditError(f"{name}: the kernel died") from None
        raise

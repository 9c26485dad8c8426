"""Runs a notebook in a kernel of our own, which stays alive for closing code after its last cell."""

import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import DEVNULL
from tempfile import TemporaryDirectory
from threading import Thread

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError

from audit_lib.base.cache import user_cache
from audit_lib.base.errors import AuditError, BadInput, Fault, Refused
from audit_lib.base.in_words import Progress, quiet
from audit_lib.report import CHANNEL
from audit_lib.secrecy.guard import forbid_core_dumps
from audit_lib.settings.load import LAYOUT

CELL_TIMEOUT = 600  # seconds
_KEPT = (  # what a kernel needs of our own environment; everything else may hold a secret
    "HOME", "PATH", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "SYSTEMROOT", "VIRTUAL_ENV", "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME", "XDG_STATE_HOME", "AUDIT_KEY_FILE", LAYOUT,
)  # fmt: skip
_FOLDERS = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
_SET = {
    "MPLBACKEND": "module://matplotlib_inline.backend_inline", "PYTHONSAFEPATH": "1", "PYTHONNOUSERSITE": "1",
    "PYTHONHASHSEED": "0", "TZ": "UTC", "OPENBLAS_NUM_THREADS": "1",
}  # fmt: skip
_ERRORS = {kind.__name__: kind for kind in (AuditError, BadInput, Refused)}


def source_notebook(name: str) -> Path:
    """Where the notebook of a file name is: in the installed package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "notebooks" / name
    return installed if installed.is_file() else package.parent / "notebooks" / name


def run_notebook(
    source: Path,
    parameters: Mapping[str, str],
    saved: Path,
    closing: str,
    *,
    given: bytes = b"",
    progress: Progress = quiet,
) -> None:
    """Run a notebook and save it, normalised; then run the `closing` code, which publishes, in its kernel.
    The kernel reads what is `given` for this run alone; cells tagged `lab` are left out. Raises `BadInput`
    for a parameter that the notebook lacks, `NotebookFailed` if a cell or the closing code fails."""
    forbid_core_dumps()
    notebook = nbformat.v4.new_notebook()
    with (
        _own_errors(source.name, notebook),
        TemporaryDirectory(prefix="audit-kernel-") as folder,
        channel(given, progress) as number,
        _started(notebook, Path(folder), number) as client,
    ):
        import papermill  # noqa: PLC0415  while the kernel starts

        from audit_lib.report.render import normalise  # noqa: PLC0415

        loaded = papermill.iorw.load_notebook_node(str(source))
        cells = papermill.parameterize.parameterize_notebook(loaded, dict(parameters)).cells
        notebook.cells = [cell for cell in cells if "lab" not in cell.metadata.get("tags", [])]
        with client.setup_kernel(cleanup_kc=True):
            if unknown := parameters.keys() - papermill.inspect_notebook(source).keys():  # it only logs them
                raise BadInput(Fault(source.name, f"has no parameter {name}") for name in sorted(unknown))
            for index, cell in enumerate(notebook.cells):
                client.execute_cell(cell, index)
            saved.write_text(nbformat.writes(normalise(notebook)) + "\n", "utf-8", newline="\n")
            notebook.cells.append(nbformat.v4.new_code_cell(closing))
            client.execute_cell(notebook.cells[-1], len(notebook.cells) - 1)


@contextmanager
def _started(notebook: nbformat.NotebookNode, folder: Path, number: int) -> Iterator[NotebookClient]:
    """A client of a new kernel, which may still be starting; what it prints by itself goes nowhere. Of our
    environment it has little, and nothing that a project under audit could prepare."""
    manager = AsyncKernelManager(
        kernel_name="python3",
        # Only ipykernel's own specification: one in the user's folders could name another program.
        kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),
        transport_encryption="required",
        connection_file=str(folder / "connection.json"),
    )
    client = NotebookClient(
        notebook,
        km=manager,
        timeout=CELL_TIMEOUT,
        startup_timeout=60,
        record_timing=False,
        coalesce_streams=True,  # how a stream is cut into messages depends on time
        ipython_hist_file=":memory:",
    )
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    private = {name: str(folder / name.lower()) for name in _FOLDERS}
    cached = {"MPLCONFIGDIR": str(user_cache() / "matplotlib"), CHANNEL: str(number)}
    client.start_new_kernel(
        env=kept | private | _SET | cached, cwd=folder, pass_fds=(number,), stdout=DEVNULL, stderr=DEVNULL
    )
    yield client


@contextmanager
def channel(content: bytes, progress: Progress) -> Iterator[int]:
    """The kernel's descriptor, over which nothing reaches a disk: it reads the content, then says how far."""
    ours, theirs = socket.socketpair()

    def converse() -> None:
        with suppress(OSError), ours:
            ours.sendall(content)
            ours.shutdown(socket.SHUT_WR)
            for line in ours.makefile(encoding="utf-8"):
                progress(*json.loads(line))

    # A socket holds little: a thread writes as the kernel reads.
    thread = Thread(target=converse, daemon=True)
    thread.start()
    with theirs:
        yield theirs.fileno()
    thread.join(timeout=1)  # what the kernel reported before it ended is still on its way


class NotebookFailed(AuditError):
    """A cell stopped: with an error of ours, whose text and exit code it has, or with another."""

    def __init__(self, text: str, kind: type[AuditError] = AuditError) -> None:
        super().__init__(text)
        self.exit_code = kind.exit_code


@contextmanager
def _own_errors(name: str, notebook: nbformat.NotebookNode) -> Iterator[None]:
    try:
        yield
    except RuntimeError:  # DeadKernelError, or what jupyter_client raises of one that never answered
        raise NotebookFailed(f"{name}: its kernel died") from None
    except (CellExecutionError, CellTimeoutError) as error:
        kind = getattr(error, "ename", type(error).__name__)
        if kind in _ERRORS:
            raise NotebookFailed(getattr(error, "evalue", ""), _ERRORS[kind]) from None
        cell = max((number for number, one in enumerate(notebook.cells, 1) if one.get("outputs")), default=1)
        raise NotebookFailed(f"{name}, cell {cell}: stopped with {kind}") from None

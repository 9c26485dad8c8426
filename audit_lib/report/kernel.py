"""Runs a notebook in a kernel of our own, which stays alive for closing code after its last cell."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import papermill
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, papermill_engines
from papermill.exceptions import PapermillExecutionError

from audit_lib.base.cache_folder import user_cache
from audit_lib.base.errors import AuditError, BadInput, Fault
from audit_lib.base.progress import Progress, quiet
from audit_lib.report.folder import scratch_folder
from audit_lib.report.inherited import GIVEN, REPORT, Channel, channel
from audit_lib.report.render import normalise
from audit_lib.secrecy.guard import forbid_core_dumps, scrub
from audit_lib.settings.outside import LAYOUT

CELL_TIMEOUT = 600  # seconds
_ENGINE = "audit_lib"
# What a kernel needs of our own environment; everything else may hold a secret.
_KEPT = (
    "HOME", "PATH", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "SYSTEMROOT", "VIRTUAL_ENV", "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME", "XDG_STATE_HOME", "AUDIT_KEY_FILE", LAYOUT,
)  # fmt: skip
_FOLDERS = {
    "IPYTHONDIR": "ipython",
    "JUPYTER_CONFIG_DIR": "jupyter-config",
    "JUPYTER_DATA_DIR": "jupyter-data",
    "JUPYTER_RUNTIME_DIR": "jupyter-runtime",
    "MPLCONFIGDIR": "matplotlib",
}


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
    """Run a notebook and save it, normalised; then run the `closing` code in the same kernel.

    The closing code finds the saved notebook and what the cells made; it publishes. The kernel reads what
    is `given` for this run alone with `given_bytes`. Cells tagged `lab` are left out.

    Raises:
        BadInput: a parameter that the notebook lacks, or that looks like a secret; what a cell refused.
        Refused: the closing code found a value in what it was to publish.
        AuditError: a cell failed or took longer than `CELL_TIMEOUT` seconds, or the kernel died.
    """
    check_parameters(source, parameters)
    forbid_core_dumps()
    papermill_engines.register(_ENGINE, _OwnEngine)
    notebook = nbformat.read(source, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if "lab" not in cell.metadata.get("tags", [])]
    with (
        scratch_folder("audit-kernel-") as scratch,
        channel(given, progress) as ends,
        _own_errors(source.name, ends.errors),
    ):
        papermill.execute_notebook(
            notebook,
            None,
            parameters=dict(parameters),
            engine_name=_ENGINE,
            kernel_name="python3",
            progress_bar=False,
            start_timeout=60,
            request_save_on_cell_execute=False,
            execution_timeout=CELL_TIMEOUT,
            run=_Run(scratch, ends, saved, closing),
        )


def check_parameters(source: Path, parameters: Mapping[str, str]) -> None:
    """Raise `BadInput` with every parameter that the notebook lacks or that is a known secret value."""
    known = papermill.inspect_notebook(source)
    faults = []
    for name, value in parameters.items():
        place = f"{source.name}: parameter {name}"
        if name not in known:
            faults.append(Fault(place, f"must be one of its parameters: {', '.join(known)}"))
        elif scrub(value) != value:
            faults.append(Fault(place, "looks like a secret value; a parameter is a path, name or date"))
    if faults:
        raise BadInput(faults)


# ---- The kernel ----


@dataclass(frozen=True)
class _Run:
    """What one run needs beside the notebook."""

    scratch: Path
    ends: Channel
    saved: Path
    closing: str

    def environment(self) -> dict[str, str]:
        """Little of ours, and nothing that a project under audit could prepare."""
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        for name, folder in _FOLDERS.items():
            (self.scratch / folder).mkdir(mode=0o700, exist_ok=True)
            environment[name] = str(self.scratch / folder)
        return environment | {
            "PYTHONSAFEPATH": "1",
            "PYTHONNOUSERSITE": "1",
            "PYTHONHASHSEED": "0",
            "TZ": "UTC",
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            GIVEN: str(self.ends.given),
            REPORT: str(self.ends.report),
        }


class _OwnClient(PapermillNotebookClient):  # type: ignore[misc]
    """papermill's client, which ends with the closing code before the kernel is stopped."""

    def __init__(self, nb_man: Any, run: _Run, **options: Any) -> None:
        manager = AsyncKernelManager(
            kernel_name="python3",
            # Only ipykernel's own specification: one in the user's folders could name another program.
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),
            transport_encryption="required",
            connection_file=str(run.scratch / "connection.json"),
        )
        super().__init__(nb_man, km=manager, **options)
        self.owns_km = True  # it then stops the kernel at the end
        self._run = run

    def papermill_execute_cells(self) -> None:
        """Run all cells, save the notebook, run the closing code."""
        super().papermill_execute_cells()
        outputs = [output for cell in self.nb.cells for output in cell.get("outputs", [])]
        if any(output.output_type == "error" for output in outputs):
            return  # papermill raises it
        self._run.saved.write_text(nbformat.writes(normalise(self.nb)) + "\n", "utf-8", newline="\n")
        self.nb.cells.append(nbformat.v4.new_code_cell(self._run.closing))
        try:
            self.execute_cell(self.nb.cells[-1], len(self.nb.cells) - 1, store_history=False)
        finally:
            self.nb.cells.pop()  # papermill knows nothing of it


class _OwnEngine(Engine):  # type: ignore[misc]
    """papermill's engine with such a client."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> None:
        """Execute the notebook that papermill holds."""
        run: _Run = options["run"]
        client = _OwnClient(
            nb_man,
            run,
            timeout=options["execution_timeout"],
            startup_timeout=options["start_timeout"],
            record_timing=False,
            coalesce_streams=True,  # how a stream is cut into messages depends on time
            ipython_hist_file=":memory:",
        )
        environment = run.environment()
        with Path(os.devnull).open("w") as nowhere, _known_fonts(Path(environment["MPLCONFIGDIR"])):
            client.execute(
                env=environment,
                cwd=str(run.scratch),
                pass_fds=(run.ends.given, run.ends.report),
                stdout=nowhere.fileno(),
                stderr=nowhere.fileno(),
            )


@contextmanager
def _known_fonts(folder: Path) -> Iterator[None]:
    """Within it, matplotlib has the list of fonts that an earlier kernel took half a second to make."""
    kept = user_cache() / "matplotlib"
    _copy_lists(kept, folder)
    yield
    _copy_lists(folder, kept)


def _copy_lists(source: Path, target: Path) -> None:
    with suppress(OSError):
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in source.glob("fontlist-*.json"):
            if not (target / path.name).exists():
                part = target / f"{path.name}.{os.getpid()}"
                shutil.copyfile(path, part)
                part.replace(target / path.name)


# ---- Errors ----


@contextmanager
def _own_errors(name: str, reported: list[AuditError]) -> Iterator[None]:
    """Raise the error that the kernel reported; turn the libraries' errors into ours."""
    try:
        yield
    except (PapermillExecutionError, CellExecutionError) as error:
        if reported:
            raise reported[0] from None
        raise AuditError(f"{name}{_cell(error)}: stopped with {error.ename}") from None
    except CellTimeoutError:
        raise AuditError(f"{name}: a cell took too long and was stopped") from None
    except RuntimeError as error:
        # jupyter_client raises a plain one for a kernel that died, or hung, before it was ready.
        if isinstance(error, DeadKernelError) or str(error).startswith("Kernel d"):
            raise AuditError(f"{name}: the kernel died") from None
        raise


def _cell(error: Exception) -> str:
    return f", cell {error.cell_index + 1}" if isinstance(error, PapermillExecutionError) else ", publishing"

"""A kernel of our own: little environment, encrypted transport, a silent terminal, cells on command."""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine

from audit_lib.base.cache import user_cache
from audit_lib.secrecy.kernel_pipe import HANDOFF
from audit_lib.settings.outside import LAYOUT

# What a kernel needs of our own environment; everything else may hold a secret.
_KEPT = (
    "PATH", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "SYSTEMROOT", "VIRTUAL_ENV", "AUDIT_KEY_FILE", LAYOUT,
)  # fmt: skip


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


class OwnKernel:
    """A kernel in a scratch folder, so that neither modules nor settings of a project are in its own."""

    def __init__(self, scratch: Path, reader: int, warm_up: str) -> None:
        self.scratch = scratch
        self.reader = reader  # the pipe's end that it inherits
        self.warm_up = warm_up
        self._go = Event()
        self._stopped = False
        self.manager = AsyncKernelManager(
            kernel_name="python3",
            # Only ipykernel's own specification: one in the user's folders could name another program.
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),
            transport_encryption="required",
            connection_file=str(scratch / "connection.json"),
        )

    def go(self) -> None:
        """Let the cells run."""
        self._go.set()

    def stop(self) -> None:
        """End the kernel, whatever it does."""
        self._stopped = True
        self._go.set()
        process = getattr(self.manager.provisioner, "pid", None)
        if process:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def wait(self) -> bool:
        """Whether the cells are to run, once that is known."""
        self._go.wait()
        return not self._stopped


class _Client(PapermillNotebookClient):  # type: ignore[misc]
    """papermill's client, which runs the cells when the caller says so."""

    def __init__(self, nb_man: Any, kernel: OwnKernel, **options: Any) -> None:
        super().__init__(nb_man, km=kernel.manager, **options)
        self.owns_km = True  # it then stops the kernel at the end
        self._kernel = kernel

    def papermill_execute_cells(self) -> None:
        """Warm the kernel up, wait, then run all cells; none if the run was stopped."""
        if self._kernel.warm_up:
            self.kc.execute(self._kernel.warm_up, silent=True, store_history=False)
        if self._kernel.wait():
            super().papermill_execute_cells()


class OwnEngine(Engine):  # type: ignore[misc]
    """papermill's engine with such a kernel and a Progress, given as the options `kernel` and `progress`."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> None:
        """Execute the notebook that papermill holds."""
        kernel: OwnKernel = options["kernel"]
        progress, cells = options["progress"], len(nb_man.nb.cells)
        client = _Client(
            nb_man,
            kernel,
            timeout=options["execution_timeout"],
            startup_timeout=options["start_timeout"],
            record_timing=False,
            coalesce_streams=True,  # how a stream is cut into messages depends on time
            ipython_hist_file=":memory:",
            on_cell_complete=lambda cell, cell_index: progress("notebook", cell_index + 1, cells),
        )
        environment = kernel_environment(kernel.scratch) | {HANDOFF: str(kernel.reader)}
        with Path(os.devnull).open("w") as nowhere, _known_fonts(Path(environment["MPLCONFIGDIR"])):
            client.execute(
                env=environment,
                cwd=str(kernel.scratch),
                pass_fds=(kernel.reader,),
                stdout=nowhere.fileno(),
                stderr=nowhere.fileno(),
            )

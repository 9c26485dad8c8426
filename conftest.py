"""What pytest needs where nbval runs a notebook: checked code, an encrypted kernel, no traces at home."""

import os
import tempfile
from pathlib import Path

import pytest

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # in a process for a test its threads would only be started
import audit_lib.report  # noqa: F401  before jsonschema, which else builds a grammar for two seconds
from audit_lib.base.errors import BadInput

ROOT = Path(__file__).parent


def pytest_configure(config: pytest.Config) -> None:
    """Encrypt nbval's kernels and keep their history out of the home folder."""
    scratch = tempfile.TemporaryDirectory(prefix="audit-tests-", ignore_cleanup_errors=True)
    config.add_cleanup(scratch.cleanup)
    os.environ["IPYTHONDIR"] = scratch.name
    if any(map(config.pluginmanager.hasplugin, ("nbval", "nbval.plugin"))):  # by itself, or by -p
        from jupyter_client.manager import KernelManager  # noqa: PLC0415

        KernelManager.transport_encryption.default_value = "required"


def pytest_collect_file(file_path: Path) -> None:
    """Refuse a report whose code is not the source notebook's, before nbval runs it."""
    if file_path.suffix != ".ipynb" or not file_path.is_relative_to(ROOT / "reports"):
        return
    from tests.support.replay import check_code  # noqa: PLC0415  nbformat is large

    try:
        check_code(file_path, ROOT / "notebooks" / file_path.name)
    except BadInput as error:
        raise pytest.UsageError(str(error)) from None

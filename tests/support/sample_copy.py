"""The sample project for tests: built once in a process, copied for each test, remembered as a sample."""

import shutil
import tempfile
from functools import cache
from pathlib import Path

from audit_lib.sample import build_sample
from audit_lib.settings.load import remember_sample


def write_sample(folder: Path) -> Path:
    """The folder, which holds the sample now as `audit-lib sample` writes it."""
    shutil.copytree(_built(), folder, dirs_exist_ok=True)
    remember_sample(folder)
    return folder


@cache
def _built() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="audit-built-sample-")) / "sample"
    build_sample(folder)
    return folder

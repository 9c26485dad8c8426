"""Homes of other users, whose log reader need not be compiled once more: that takes over ten seconds."""

import shutil
from pathlib import Path

from audit_lib.base.cache_folder import user_cache
from audit_lib.logs.kernel.load_code import load_entry


def with_log_reader(home: Path) -> Path:
    """The home folder, made if it is not there, with what this process's user has compiled."""
    load_entry()
    compiled = home / ".cache" / user_cache().name / "kernel"
    shutil.copytree(user_cache() / "kernel", compiled, dirs_exist_ok=True)
    return home

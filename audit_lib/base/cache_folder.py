"""The folder for what may be deleted at any time."""

import os
from pathlib import Path


def user_cache() -> Path:
    """The folder, which need not exist yet."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "audit_lib"

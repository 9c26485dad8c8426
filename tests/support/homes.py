"""Homes of other users, for whom need not be compiled once more what this process's user has compiled."""

import shutil
from pathlib import Path

from audit_lib.base.cache import user_cache
from audit_lib.leaks.rules import CHOSEN, GENERATED, scanner


def with_rules(home: Path) -> Path:
    """The home folder, made if it is not there, with the rules of the search for leaks: they take two."""
    for rules in (GENERATED, CHOSEN):
        scanner(rules)
    return _with("rules", home)


def _with(compiled: str, home: Path) -> Path:
    cache = home / ".cache" / user_cache().name / compiled
    shutil.copytree(user_cache() / compiled, cache, dirs_exist_ok=True)
    return home

"""Homes of other users, for whom need not be made once more what this process's user has made."""

import shutil
from pathlib import Path

from audit_lib.base.cache import user_cache
from audit_lib.leaks.rules import CHOSEN, GENERATED, NAMED, scanner


def with_rules(home: Path) -> Path:
    """The home folder, made if it is not there, with compiled rules and matplotlib's list of fonts."""
    for rules in ((GENERATED,), (GENERATED, NAMED), (CHOSEN,)):
        scanner(*rules)
    for made in ("rules", "matplotlib"):
        if (user_cache() / made).is_dir():
            cache = home / ".cache" / user_cache().name / made
            shutil.copytree(user_cache() / made, cache, dirs_exist_ok=True)
    return home

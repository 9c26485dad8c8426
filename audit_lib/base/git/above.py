"""Refuses a folder of a larger repository: its history lies above the project, and would be left out."""

import os
from pathlib import Path

from audit_lib.base.errors import BadInput


def refuse_part_of_repository(root: Path) -> None:
    """Raises `BadInput`, which names the repository, if a project without a .git lies in a larger one.

    "0 leaks" of such a folder would be said of its files alone, while every clone has its history.
    """
    root = root.resolve()
    if os.path.lexists(root / ".git"):
        return
    above = next((folder for folder in root.parents if os.path.lexists(folder / ".git")), None)
    if above is not None:
        shown = str(above) if str(above).isprintable() else ascii(str(above))
        fault = f"is a folder of the git repository {shown}: give that as the project, to search its history"
        raise BadInput.at("project", fault)

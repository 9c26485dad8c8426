"""Where this checkout and what is kept beside it lie, and tables of rows beside a module."""

import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
GOLDEN = ROOT / "reports" / "sample-2026Q3"


def rows_beside(module: str) -> dict[str, Any]:
    """The TOML file that has a module's name."""
    return tomllib.loads(Path(module).with_suffix(".toml").read_text("utf-8"))

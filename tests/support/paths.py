"""Where this checkout and what is kept beside it lie."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
GOLDEN = ROOT / "reports" / "sample-2026Q3"

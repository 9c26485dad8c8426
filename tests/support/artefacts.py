"""The text of what is published, as a reader sees it."""

from pathlib import Path


def text_of(path: Path) -> str:
    """The text of an artefact."""
    return path.read_text("utf-8")

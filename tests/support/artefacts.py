"""The text of what is published, as a reader sees it."""

from pathlib import Path

from pypdf import PdfReader


def text_of(path: Path) -> str:
    """The text of an artefact: of a PDF that of its pages and its facts, of anything else the file's."""
    if path.suffix != ".pdf":
        return path.read_text("utf-8")
    reader = PdfReader(path)
    facts = map(str, (reader.metadata or {}).values())
    return "\n".join((*(page.extract_text() for page in reader.pages), *facts))

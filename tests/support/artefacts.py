"""The text of what is published, as a reader sees it."""

import io
import tempfile
from functools import lru_cache
from pathlib import Path
from zipfile import ZipFile

from pypdf import PdfReader


def text_of(path: Path) -> str:
    """The text of an artefact: of a PDF that of its pages and its facts, of an archive that of its files."""
    if path.suffix == ".zip":
        with tempfile.TemporaryDirectory() as folder:
            ZipFile(path).extractall(folder)
            return "\n".join(text_of(inner) for inner in sorted(Path(folder).rglob("*")) if inner.is_file())
    if path.suffix != ".pdf":
        return path.read_text("utf-8")
    return _text_of_pdf(path.read_bytes())


@lru_cache(maxsize=1)  # an archive has it once more
def _text_of_pdf(content: bytes) -> str:
    reader = PdfReader(io.BytesIO(content))
    facts = map(str, (reader.metadata or {}).values())
    return "\n".join((*(page.extract_text() for page in reader.pages), *facts))

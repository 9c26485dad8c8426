"""Which folders are samples that this program wrote: only those may use the public key and a pinned date."""

from hashlib import sha256
from pathlib import Path

from audit_lib.base.reviewer_state import recall, remember
from audit_lib.base.toml_table import read_text_file

_NAME = "samples"


def remember_sample(folder: Path) -> bool:
    """Whether the folder is remembered as a sample; those that are gone are forgotten."""
    root = folder.resolve()
    kept = {place: identity for place, identity in recall(_NAME).items() if Path(place).is_dir()}
    return remember(_NAME, kept | {str(root): _identity(root)})


def is_sample(root: Path) -> bool:
    """Whether this very folder, with the audit.toml that it had, was written here as a sample."""
    return bool(recall(_NAME).get(str(root)) == _identity(root))


def _identity(root: Path) -> str:
    # A file system gives the inode of a folder that was removed to the next one: it is not enough.
    facts, text = root.stat(), read_text_file(root / "audit.toml", "audit.toml")
    return f"{facts.st_dev}:{facts.st_ino}:{sha256(text).hexdigest()}"

"""One writer's chain, read from its file: which entries are sound, and where the first break is."""

import os
import re
import stat
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.in_words import counted
from audit_lib.ledger.entry import GENESIS, LONGEST_LINE, Entry, parse_line

WRITER = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_LARGEST_CHAIN = 512 * 2**20


@dataclass(frozen=True)
class Chain:
    """What one file holds. `entries` are those whose own hash holds, also beyond a break."""

    writer: str
    entries: tuple[Entry, ...] = ()
    faults: tuple[Fault, ...] = ()  # the first is the first broken entry
    torn: bytes = field(default=b"", repr=False)  # what follows the last newline: a write that never ended

    @property
    def head(self) -> str:
        """That of the last entry, to be kept outside."""
        return self.entries[-1].head if self.entries else f"0:{GENESIS}"


def refuse_links(ledger_dir: Path) -> None:
    """`BadInput` if the ledger's place in a project is a link: it could lead to another project's ledger."""
    for folder in (ledger_dir.parent, ledger_dir):
        if ledger_dir.parent.name == ".audit" and folder.is_symlink():
            raise BadInput.at(str(folder), "is a symbolic link: put the ledger's own folder in its place")


def chain_files(ledger_dir: Path) -> list[Path]:
    """The files of a ledger folder, one a writer, in order; none if there is no folder.

    A file whose name is no writer's is none of them: the name would stand in what people copy to a shell.

    Raises:
        BadInput: the folder cannot be listed, is not a folder, or is a link in a project.
    """
    return [path for path in _named_chains(ledger_dir) if WRITER.fullmatch(path.stem)]


def names_of_none(ledger_dir: Path) -> list[Fault]:
    """A fault that counts the files whose names are no writer's; none if there are none."""
    strange = sum(not WRITER.fullmatch(path.stem) for path in _named_chains(ledger_dir))
    text = f"has {counted(strange, 'file')} whose names are no writer's: they are not read"
    return [Fault("ledger", text)] if strange else []


def _named_chains(ledger_dir: Path) -> list[Path]:
    refuse_links(ledger_dir)
    try:
        return sorted(path for path in ledger_dir.iterdir() if path.suffix == ".jsonl")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise BadInput.at(str(ledger_dir), f"is not a ledger folder ({error.strerror})") from None


def read_chain(path: Path) -> Chain:
    """The chain in a file. Whatever the file holds ends as entries, faults or the torn last line."""
    writer = path.stem
    try:
        content = _content(path)
    except OSError as error:
        return Chain(writer, faults=(Fault(f"ledger {writer}", f"cannot be read ({error.strerror})"),))
    *lines, torn = content.split(b"\n")
    return check_lines(writer, lines, torn)


def last_entry(path: Path) -> Entry | None:
    """The last whole entry of the chain in a file; None if there is none, or it is not sound."""
    try:
        lines = _content(path, last=2 * LONGEST_LINE).split(b"\n")[:-1]
    except OSError:
        return None
    entry = parse_line(lines[-1], f"ledger {path.stem}")[0] if lines else None
    return entry if entry is not None and entry.writer == path.stem else None


def check_lines(writer: str, lines: list[bytes], torn: bytes = b"") -> Chain:
    """The chain of these lines: each entry's own hash, its number, its writer, its link and its date."""
    entries: list[Entry] = []
    faults: list[Fault] = []
    previous: Entry | None = None
    for number, line in enumerate(lines, start=1):
        place = f"ledger {writer}#{number}"
        entry, wrong = (
            parse_line(line, place) if len(line) <= LONGEST_LINE else (None, [Fault(place, "is too long")])
        )
        if entry is not None:
            wrong = _link_faults(place, writer, number, entry, previous if number > 1 else None)
            entries.append(entry)
        faults += wrong
        previous = entry
    if torn:
        text = f"is torn: {len(torn)} bytes of an unfinished write; the next entry repairs it"
        faults.append(Fault(f"ledger {writer}#{len(lines) + 1}", text))
    return Chain(writer, tuple(entries), tuple(faults), torn)


def torn_facts(torn: bytes) -> dict[str, object]:
    """The body of the repair entry that says what was removed."""
    return {"removed_bytes": len(torn), "removed_sha256": sha256(torn).hexdigest()}


def _link_faults(place: str, writer: str, number: int, entry: Entry, previous: Entry | None) -> list[Fault]:
    faults = []
    if entry.writer != writer:
        faults.append(Fault(place, "belongs to another writer's chain"))
    if entry.seq != number:
        faults.append(Fault(place, f"has the number {entry.seq}: an entry was deleted, inserted or moved"))
    before = previous.hash if previous else GENESIS
    if entry.prev != before and (previous is not None or number == 1):
        faults.append(
            Fault(place, "does not follow the entry above it: one was changed, deleted or inserted")
        )
    if previous is not None and entry.at < previous.at:
        faults.append(Fault(place, "is dated before the entry above it"))
    return faults


def _content(path: Path, last: int = _LARGEST_CHAIN) -> bytes:
    # Never through a link, never from a pipe or device: the ledger lies in the audited project.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(handle, "rb") as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode):
            raise OSError(0, "not a regular file")
        if facts.st_size > _LARGEST_CHAIN:
            raise OSError(0, f"larger than {_LARGEST_CHAIN >> 20} MiB")
        file.seek(max(0, facts.st_size - last))
        return file.read()

"""The chains of a ledger folder, one file a writer: which entries are sound, and where a break is."""

import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path

from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.in_words import counted
from audit_lib.ledger.entry import GENESIS, Entry, mac_holds, parse_line
from audit_lib.secrecy.keeper import Key

WRITER = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_LARGEST_CHAIN = 512 * 2**20


@dataclass(frozen=True)
class Chain:
    """What one file holds. `entries` are those whose own hash holds, also beyond a break."""

    writer: str
    entries: tuple[Entry, ...] = ()
    faults: tuple[Fault, ...] = ()  # the first is the first broken entry
    torn: bytes = field(default=b"", repr=False)  # what follows the last newline: a write that never ended
    tail: tuple[Fault, ...] = ()  # why the last line is no entry

    @property
    def head(self) -> str:
        """That of the last entry, to be kept outside."""
        return self.entries[-1].head if self.entries else f"0:{GENESIS}"

    @property
    def broken(self) -> bool:
        """Whether anything but a torn last line is wrong."""
        return len(self.faults) > (1 if self.torn else 0)


def chain_files(ledger_dir: Path) -> list[Path]:
    """The files of a ledger folder, one a writer, in order; none if there is no folder.

    A file whose name is no writer's is none of them: the name would stand in what people copy to a shell.

    Raises:
        BadInput: the folder cannot be listed, is not a folder, or is a link in a project.
    """
    return [path for path in _named_chains(ledger_dir) if WRITER.fullmatch(path.stem)]


def read_chains(ledger_dir: Path) -> list[Chain]:
    """Every writer's chain; `BadInput` as `chain_files` raises it."""
    return [read_chain(path) for path in chain_files(ledger_dir)]


def strange_names(ledger_dir: Path) -> list[Fault]:
    """A fault that counts the files whose names are no writer's; none if there are none."""
    strange = sum(not WRITER.fullmatch(path.stem) for path in _named_chains(ledger_dir))
    text = f"has {counted(strange, 'file')} whose names are no writer's: they are not read"
    return [Fault("ledger", text)] if strange else []


def refuse_links(ledger_dir: Path) -> None:
    """`BadInput` if the ledger's place in a project is a link: it could lead to another project's ledger."""
    for folder in (ledger_dir.parent, ledger_dir):
        if ledger_dir.parent.name == ".audit" and folder.is_symlink():
            raise BadInput.at(str(folder), "is a symbolic link: put the ledger's own folder in its place")


def read_chain(path: Path) -> Chain:
    """The chain in a file. Whatever the file holds ends as entries, faults or the torn last line."""
    writer = path.stem
    try:
        *lines, torn = _content(path).split(b"\n")
    except OSError as error:
        return Chain(writer, faults=(Fault(f"ledger {writer}", f"cannot be read ({error.strerror})"),))
    return check_lines(writer, lines, torn)


def check_lines(writer: str, lines: list[bytes], torn: bytes = b"") -> Chain:
    """The chain of these lines: each entry's own hash, its number, its writer, its link and its date."""
    entries: list[Entry] = []
    faults: list[Fault] = []
    previous: Entry | None = None
    wrong: list[Fault] = []
    for number, line in enumerate(lines, start=1):
        place = f"ledger {writer}#{number}"
        entry, wrong = parse_line(line, place)
        if entry is not None:
            faults += [Fault(place, text) for text in _link_faults(writer, number, entry, previous)]
            entries.append(entry)
        faults += wrong
        previous = entry
    if torn:
        text = f"is torn: {len(torn)} bytes of an unfinished write; the next entry repairs it"
        faults.append(Fault(f"ledger {writer}#{len(lines) + 1}", text))
    return Chain(writer, tuple(entries), tuple(faults), torn, tuple(wrong))


def unsound_entries(chains: list[Chain], key: Key | None, project: str) -> dict[str, Fault]:
    """The faults, by the entry's hash, of those that are of another project, or that nothing vouches for.

    With the key, each entry is held against its MAC. An entry under an earlier key is vouched for by the
    heads in a key bridge under the present key, along the links alone.
    """
    every = [entry for chain in chains for entry in chain.entries]
    bridges = [one for one in every if key and one.kind == "key bridge" and is_under(key, one)]
    unsound = {}
    for chain in chains:
        heads = (str(bridge.body["heads"].get(chain.writer, "")) for bridge in bridges)
        vouched = {head.partition(":")[2] for head in heads}
        for entry in reversed(chain.entries):
            vouched |= {entry.prev} if entry.hash in vouched else set()
        for entry in chain.entries:
            if text := _unsound(entry, key, project, vouched):
                unsound[entry.hash] = Fault(entry.place, text)
    return unsound


def project_of(chains: Iterable[Chain], key: Key | None, known: Iterable[tuple[str, str]] = ()) -> str:
    """The id of the project that a ledger is of; "" if its entries name none.

    It is the one that goes with a head that is `known` (writer, "number:hash"), else the first one.
    """
    entries = [entry for chain in chains for entry in chain.entries if entry.project]
    entries = sorted((e for e in entries if key is None or is_under(key, e)), key=attrgetter("order"))
    seen = set(known)
    remembered = (entry for entry in entries if (entry.writer, entry.head) in seen)
    first = next(remembered, entries[0] if entries else None)
    return first.project if first else ""


def is_under(key: Key, entry: Entry) -> bool:
    """Whether the key's holder wrote an entry."""
    return entry.key_id == key.key_id and mac_holds(key, entry)


def _unsound(entry: Entry, key: Key | None, project: str, vouched: set[str]) -> str:
    if key is not None and entry.key_id == key.key_id and not mac_holds(key, entry):
        return "was not written with the key (MAC mismatch)"
    if key is not None and entry.key_id != key.key_id and entry.hash not in vouched:
        return f"is under key {entry.key_id}, but nothing under key {key.key_id} vouches for it"
    return "" if entry.project in ("", project) else "was written for another project"


def _named_chains(ledger_dir: Path) -> list[Path]:
    refuse_links(ledger_dir)
    try:
        return sorted(path for path in ledger_dir.iterdir() if path.suffix == ".jsonl")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise BadInput.at(str(ledger_dir), f"is not a ledger folder ({error.strerror})") from None


def _link_faults(writer: str, number: int, entry: Entry, previous: Entry | None) -> list[str]:
    before = previous.hash if previous else GENESIS
    tests = {
        "belongs to another writer's chain": entry.writer != writer,
        f"has the number {entry.seq}: an entry was deleted, inserted or moved": entry.seq != number,
        "does not follow the entry above it: one was changed, deleted or inserted": entry.prev != before
        and (previous is not None or number == 1),
        "is dated before the entry above it": previous is not None and entry.at < previous.at,
    }
    return [text for text, wrong in tests.items() if wrong]


def _content(path: Path) -> bytes:
    # Never through a link, never from a pipe or device: the ledger lies in the audited project.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(handle, "rb") as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode):
            raise OSError(0, "not a regular file")
        if facts.st_size > _LARGEST_CHAIN:
            raise OSError(0, f"larger than {_LARGEST_CHAIN >> 20} MiB")
        return file.read()

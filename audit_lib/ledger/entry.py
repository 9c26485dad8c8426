"""One ledger entry: its canonical line, its public hash link, its MAC, and what a line must hold."""

import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import fastjsonschema

from audit_lib.base.clock import iso, parse_instant
from audit_lib.base.errors import BadInput, Fault
from audit_lib.secrecy.keeper import Key

KINDS = (
    "snapshot", "rotation", "revocation", "removal", "acceptance", "assignment", "closure", "attestation",
    "signoff", "key bridge", "repair",
)  # fmt: skip
ROLES = ("prepared", "reviewed", "approved")  # of a signoff
GENESIS = "0" * 64
LONGEST_LINE = 8 * 2**20


@dataclass(frozen=True)
class Draft:
    """What is to be recorded: a kind and, by entry.schema.json, what it holds."""

    kind: str
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Entry:
    """One entry of one writer's chain. `at` is the instant of recording, by the command line's clock."""

    writer: str
    seq: int
    at: datetime
    kind: str
    key_id: str
    prev: str
    hash: str
    mac: str
    body: Mapping[str, Any]
    project: str = ""  # the id of the project; "" in an entry of the first version
    heads: dict[str, str] = field(default_factory=dict)  # of the other chains, as they were then

    @property
    def place(self) -> str:
        """How reports name the entry: writer, then number within the writer's chain."""
        return f"ledger {self.writer}#{self.seq}"

    @property
    def head(self) -> str:
        """Number and hash, by which other chains and what is kept outside name it: `12:9f…`."""
        return f"{self.seq}:{self.hash}"

    @property
    def order(self) -> tuple[datetime, str, int]:
        """Orders the entries of all chains: by time, writer and number."""
        return self.at, self.writer, self.seq


def sealed_line(
    key: Key,
    after: Entry | None,
    draft: Draft,
    at: datetime,
    writer: str,
    *,
    project: str,
    heads: Mapping[str, str],
) -> bytes:
    """The entry's line with its newline: canonical JSON, the MAC over the content, the hash over both."""
    content: dict[str, Any] = {
        "v": 2,
        "project": project,
        "heads": dict(heads),
        "writer": writer,
        "seq": after.seq + 1 if after else 1,
        "prev": after.hash if after else GENESIS,
        "at": iso(at),
        "kind": draft.kind,
        "key_id": key.key_id,
        "body": draft.body,
    }
    content["mac"] = _mac(key, content)
    content["hash"] = sha256(_canonical(content)).hexdigest()
    return _canonical(content) + b"\n"


def parse_line(line: bytes, place: str) -> tuple[Entry | None, list[Fault]]:
    """The entry of a line without its newline, or every fault of the line; never an exception."""
    try:
        content = json.loads(line.decode("ascii"), object_pairs_hook=_once, parse_constant=_no_constant)
        canonical = _canonical(content) == line
    except (ValueError, RecursionError, MemoryError):
        return None, [Fault(place, "is not JSON in the form that this tool writes")]
    fault = _schema_fault(content)
    if fault:
        return None, [Fault(place, fault)]
    try:
        at = parse_instant(content["at"], place)
    except BadInput as error:
        return None, list(error.faults)
    named = content.pop("hash")
    canonical = canonical and iso(at) == content["at"] and isinstance(content["seq"], int)
    if not canonical or sha256(_canonical(content)).hexdigest() != named:
        return None, [Fault(place, "was edited: hash mismatch")]
    fields = {name: part for name, part in content.items() if name not in ("v", "at")}
    return Entry(at=at, hash=named, **fields), []


def mac_holds(key: Key, entry: Entry) -> bool:
    """Whether the entry was written by a holder of the key."""
    content = {
        "v": 1,
        **({"v": 2, "project": entry.project, "heads": entry.heads} if entry.project else {}),
        "writer": entry.writer,
        "seq": entry.seq,
        "prev": entry.prev,
        "at": iso(entry.at),
        "kind": entry.kind,
        "key_id": entry.key_id,
        "body": entry.body,
    }
    return hmac.compare_digest(_mac(key, content), entry.mac)


def check_draft(draft: Draft, place: str) -> None:
    """Nothing, or `BadInput` for a draft that the schema refuses."""
    sample = {
        "v": 1,
        "writer": "x",
        "seq": 1,
        "prev": GENESIS,
        "at": "2000-01-01T00:00:00Z",
        "key_id": "0" * 8,
    }
    content = sample | {"kind": draft.kind, "body": draft.body, "mac": GENESIS, "hash": GENESIS}
    fault = _schema_fault(content)
    if fault:
        raise BadInput.at(place, fault)


def _mac(key: Key, content: Mapping[str, Any]) -> str:
    return hmac.digest(key.derive("ledger"), _canonical(content), sha256).hex()


def _canonical(content: Any) -> bytes:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.encode("ascii")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a name appears twice")
    return fields


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _schema_fault(content: Any) -> str | None:
    """The first rule of the schema that the content breaks: the place and the rule, never what was found."""
    try:
        _validator()(content)
    except fastjsonschema.JsonSchemaValueException as error:
        path = ".".join(str(part) for part in error.path[1:])
        place = path if path and len(path) <= 80 and path.isascii() and path.isprintable() else "a field"
        return f"{place} breaks the rule {error.rule!r} of entry.schema.json"
    return None


@cache
def _validator() -> Callable[[Any], Any]:
    schema = json.loads(Path(__file__).with_name("entry.schema.json").read_text("utf-8"))
    check: Callable[[Any], Any] = fastjsonschema.compile(schema)
    return check

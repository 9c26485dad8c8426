"""One entry of the ledger: its canonical line, its link to the entry before, its MAC, what it may hold."""

import hmac
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from audit_lib.base.clock import iso, parse_instant
from audit_lib.base.errors import BadInput, Fault
from audit_lib.secrecy.keeper import Key

ROLES = ("prepared", "reviewed", "approved")  # of a signoff
GENESIS = "0" * 64
LONGEST_LINE = 8 * 2**20


@dataclass(frozen=True)
class Draft:
    """What is to be recorded: a kind and, by entry_fields.toml, what it holds."""

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

    def content(self) -> dict[str, Any]:
        """What the MAC is over."""
        second = {"v": 2, "project": self.project, "heads": self.heads}
        same = {name: getattr(self, name) for name in ("writer", "seq", "prev", "kind", "key_id", "body")}
        return {"v": 1, **(second if self.project else {}), **same, "at": iso(self.at)}


def sealed_line(
    key: Key, after: Entry | None, draft: Draft, at: datetime, writer: str, *, project: str, heads: Any
) -> bytes:
    """The entry's line with its newline: canonical JSON, the MAC over the content, the hash over both."""
    seq, prev = (after.seq + 1, after.hash) if after else (1, GENESIS)
    entry = Entry(writer, seq, at, draft.kind, key.key_id, prev, "", "", draft.body, project, dict(heads))
    content = entry.content()
    content["mac"] = _mac(key, content)
    content["hash"] = sha256(_canonical(content)).hexdigest()
    return _canonical(content) + b"\n"


def parse_line(line: bytes, place: str) -> tuple[Entry | None, list[Fault]]:
    """The entry of a line without its newline, or every fault of the line; never an exception."""
    if len(line) > LONGEST_LINE:
        return None, [Fault(place, "is too long")]
    try:
        content = json.loads(line.decode("ascii"), object_pairs_hook=_once)
        canonical = _canonical(content) == line
    except (ValueError, RecursionError, MemoryError):
        return None, [Fault(place, "is not JSON in the form that this tool writes")]
    if fault := _header_fault(content) or body_fault(content["kind"], content["body"]):
        return None, [Fault(place, fault)]
    try:
        at = parse_instant(content["at"], place)
    except BadInput as error:
        return None, list(error.faults)
    named = content.pop("hash")
    if not canonical or iso(at) != content["at"] or sha256(_canonical(content)).hexdigest() != named:
        return None, [Fault(place, "was edited: hash mismatch")]
    fields = {name: part for name, part in content.items() if name not in ("v", "at")}
    return Entry(at=at, hash=named, **fields), []


def is_under(key: Key, entry: Entry) -> bool:
    """Whether the key's holder wrote an entry."""
    return entry.key_id == key.key_id and hmac.compare_digest(_mac(key, entry.content()), entry.mac)


def body_fault(kind: str, body: Any) -> str:
    """The first field of a body that is not what entry_fields.toml says; "" if all are."""
    rules = _fields()["kinds"]
    return _fault(body, rules[kind], "body") if kind in rules else "kind must be a kind of this tool"


@cache
def _fields() -> Mapping[str, Any]:
    return tomllib.loads(Path(__file__).with_name("entry_fields.toml").read_text("utf-8"))


def _header_fault(content: Any) -> str:
    if not isinstance(content, dict) or "body" not in content:
        return "must be an object with a body"
    header = {name: part for name, part in content.items() if name != "body"}
    return _fault(header, _fields()["header"].get(str(content.get("v")), {}), "entry")


def _fault(value: Any, rule: Any, path: str) -> str:
    """What is wrong with a value by its rule: the place and the rule, never what stands there."""
    if isinstance(rule, str):
        return "" if _fits(value, rule) else f"{path} must be: {rule}"
    if not isinstance(value, dict):
        return f"{path} must be an object"
    known = set()
    for written, inner in rule.items():
        name, optional, layers = re.fullmatch(r"([^?\[{]+)(\??)(.*)", written).groups()  # type: ignore[union-attr]
        known.add(name)
        if name in value:
            if fault := _layered(value[name], layers, inner, f"{path}.{name}"):
                return fault
        elif not optional:
            return f"{path}.{name} is missing"
    return "" if known >= value.keys() else f"{path} has a field that is not known"


def _layered(value: Any, layers: str, rule: Any, path: str) -> str:
    if not layers:
        return _fault(value, rule, path)
    kind, word = (list, "a list") if layers.startswith("[]") else (dict, "an object")
    if not isinstance(value, kind):
        return f"{path} must be {word}"
    parts = value if isinstance(value, list) else value.values()
    return next(filter(None, (_layered(part, layers[2:], rule, path) for part in parts)), "")


def _fits(value: Any, rule: str) -> bool:
    name, _, null = rule.partition(" or ")
    if value is None or name == "truth":
        return isinstance(value, bool) or (value is None and null == "null")
    if name == "count":
        return type(value) is int and 1 <= value <= 10**9
    return isinstance(value, str) and re.fullmatch(_fields()["formats"].get(name, name), value) is not None


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

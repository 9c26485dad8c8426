"""Log formats and message kinds as data: loads log_formats.toml and reports all its faults at once."""

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.log_kinds import MESSAGE_KINDS
from audit_lib.logs.templates import Part, expression, parse_template

BUNDLED = Path(__file__).with_name("log_formats.toml")

_JSON_LISTS = ("time", "text", "status", "client", "method", "path", "level", "labels")
_COMMON = {"name", "template", "pattern", "literal", "examples", "counter_examples"}
_MORE = {
    "prefix": {"record", "outer"},
    "body": {"method", "status"},
    "message": {"kind", "once", "leak", "anywhere"},
}


@dataclass(frozen=True)
class Block:
    """One format or message kind: its steps (empty where it is a regular expression) and its expression."""

    name: str
    parts: tuple[Part, ...]
    expression: re.Pattern[bytes]
    literal: bytes  # the text that a regular expression always begins with
    examples: tuple[str, ...]
    counter_examples: tuple[str, ...]
    record: bool = False
    outer: bool = False
    method: str = ""
    status: int | None = None
    kind: str = ""
    once: bool = False
    leak: bool = False
    anywhere: bool = False


@dataclass(frozen=True)
class JsonFields:
    """Names of a structured line's fields, in order of preference."""

    time: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    client: tuple[str, ...] = ()
    method: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    level: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    counter_examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class LogFormats:
    """All formats, in the order in which they are tried."""

    prefixes: tuple[Block, ...]
    bodies: tuple[Block, ...]
    messages: tuple[Block, ...]
    json: JsonFields
    secret_parameters: tuple[str, ...]

    @cached_property
    def message_numbers(self) -> dict[str, int]:
        """The place of each message in the order of the file."""
        return {block.name: number for number, block in enumerate(self.messages)}

    @property
    def leaking(self) -> frozenset[str]:
        """Names of the messages whose line shows a value."""
        return frozenset(block.name for block in self.messages if block.leak) | {SECRET_IN_URL}


SECRET_IN_URL = "secret in a url"  # noqa: S105  the name of an event
CLOCK_SET_BACK = "clock set back"


def load_formats(path: Path | None = None) -> LogFormats:
    """The formats of a file, by default the bundled ones; `BadInput` with every fault of the file."""
    place = path.name if path else BUNDLED.name
    try:
        content = tomllib.loads((path or BUNDLED).read_text("utf-8"))
    except OSError as error:
        raise BadInput.at(place, f"cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput.at(place, f"is not TOML: {error}") from None
    faults: list[Fault] = []
    blocks = {section: _blocks(content, section, place, faults) for section in _MORE}
    json = _json(content.get("json", {}), place, faults)
    parameters = _texts(content.get("query", {}), "secret_parameters", f"{place}: query", faults)
    faults += [
        Fault(place, f"has no section {name}") for name in content if name not in (*_MORE, "json", "query")
    ]
    if faults:
        raise BadInput(faults)
    return LogFormats(blocks["prefix"], blocks["body"], blocks["message"], json, parameters)


def _blocks(content: dict[str, Any], section: str, place: str, faults: list[Fault]) -> tuple[Block, ...]:
    """The blocks of one section; a block with a fault adds it and is left out."""
    tables = content.get(section, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        faults.append(Fault(place, f"{section} is not a list of blocks"))
        return ()
    names: set[str] = set()
    blocks = []
    for number, table in enumerate(tables, 1):
        name = table.get("name", "")
        where = f"{place}: {section} #{number} ({name or 'without a name'})"
        found = [Fault(where, text) for text in _faults(table, section, names)]
        names.add(str(name))
        if not found:
            blocks.append(_block(table, section, where, found))
        faults += found
    return tuple(block for block in blocks if block)


def _faults(table: dict[str, Any], section: str, names: set[str]) -> list[str]:
    """What is wrong with the entries of one block, apart from its template."""
    text: Callable[[str], bool] = lambda key: isinstance(table.get(key), str) and bool(table[key])  # noqa: E731
    faults = [f"has no entry {key}" for key in sorted(set(table) - _COMMON - _MORE[section])]
    if not text("name"):
        faults.append("has no name")
    elif table["name"] in names:
        faults.append("has a name that is taken")
    if text("template") == text("pattern"):
        faults.append("needs either a template or a pattern")
    if text("pattern") and len(str(table.get("literal", ""))) < 3:
        faults.append("needs, for its pattern, a literal of three characters or more")
    for key in ("examples", "counter_examples"):
        given = table.get(key)
        if not isinstance(given, list) or not given or not all(isinstance(line, str) for line in given):
            faults.append(f"has no {key}")
    faults += [f"{key} is not true or false" for key in _flags(table) if not isinstance(table[key], bool)]
    if section == "message" and table.get("kind") not in MESSAGE_KINDS:
        faults.append(f"has a kind that is none of {', '.join(MESSAGE_KINDS)}")
    if "status" in table and table["status"] not in range(100, 600):
        faults.append("has a status that is none of 100 to 599")
    return faults


def _flags(table: dict[str, Any]) -> list[str]:
    return [key for key in ("record", "outer", "once", "leak", "anywhere") if key in table]


def _block(table: dict[str, Any], section: str, where: str, faults: list[Fault]) -> Block | None:
    whole = section == "body"
    try:
        parts = parse_template(table["template"]) if "template" in table else ()
        compiled = expression(parts, whole) if parts else re.compile(table["pattern"].encode(), re.DOTALL)
    except re.error as error:
        faults.append(Fault(where, f"its pattern is no regular expression ({error.msg})"))
        return None
    except ValueError as error:
        faults.append(Fault(where, f"its template {error}"))
        return None
    if compiled.match(b""):
        faults.append(Fault(where, "matches where there is no text"))
        return None
    if table.get("anywhere") and (len(parts) != 1 or len(parts[0].literal) < 4):
        faults.append(Fault(where, "needs, to be sought anywhere, plain text of four characters or more"))
        return None
    return Block(
        name=table["name"],
        parts=parts,
        expression=compiled,
        literal=table.get("literal", "").encode(),
        examples=tuple(table["examples"]),
        counter_examples=tuple(table["counter_examples"]),
        record=table.get("record", False),
        outer=table.get("outer", False),
        method=table.get("method", ""),
        status=table.get("status"),
        kind=table.get("kind", ""),
        once=table.get("once", False),
        leak=table.get("leak", False),
        anywhere=table.get("anywhere", False),
    )


def _json(table: dict[str, Any], place: str, faults: list[Fault]) -> JsonFields:
    known = (*_JSON_LISTS, "examples", "counter_examples")
    where = f"{place}: json"
    faults += [Fault(where, f"has no entry {key}") for key in table if key not in known]
    return JsonFields(**{key: _texts(table, key, where, faults) for key in known})


def _texts(table: dict[str, Any], key: str, where: str, faults: list[Fault]) -> tuple[str, ...]:
    given = table.get(key)
    if not isinstance(given, list) or not given or not all(isinstance(text, str) and text for text in given):
        faults.append(Fault(where, f"has no {key}"))
        return ()
    return tuple(given)

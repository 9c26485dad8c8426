"""Turns the bytes of an env file into lines: each is read, not understood or blank, and none is lost.

A value is the one that the service's loader gives (loaders.py). Faults of a line: duplicate (set more than
once), overridden (a later line counts), case (another name differs by case only), spaces, smart-quotes,
invisible, utf-16, continuation (of a value), altered (the loader gives another value than is written); of a
value that is not known: loaders-disagree, reference (to what the file does not set before), refused (the
loader takes nothing of this file); of a line that was not understood: no-equals, bad-name, not-parsed,
too-long, nul, undecodable.
"""

import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from audit_lib.secrecy.matcher import WINDOW
from audit_lib.secrecy.strength import SHORTEST_PIECE, could_be_a_piece
from audit_lib.secrets.loaders import MAX_VALUE_CHARACTERS, READERS, Reading, Statement

# Faults of a line whose variable is set, to a value that is not known.
UNKNOWN_VALUES = ("loaders-disagree", "reference", "refused")
MAX_LINES = 20_000
_LONGEST_SUSPECT = 4096  # characters
_LONG = 20  # characters, of which random text is known by the kinds that it mixes
# python-dotenv's search for comments takes the square of a run of spaces: longer runs are not parsed.
_LONG_RUN = re.compile(r"\s{65}")
_UNDECODABLE = re.compile("[\ud800-\udfff\ufffd]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,127}")
_NAME_ALONE = re.compile(r"\s*(?:export\s+)?[^\s=:#'\"]+\s*")
_WRITTEN = re.compile(r"[^=:]*[=:]\s*(.*)", re.DOTALL)
_QUOTED = re.compile(r"(['\"`])(.*)\1\s*(?:#.*)?", re.DOTALL)
# What an escape or a line end may become is no change of a value.
_ESCAPES = re.compile(r"\\[nrt]?|[\n\r\t]")
_SMART_QUOTES = re.compile("[\u2018-\u201f\u00ab\u00bb]")
_BOMS = {
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}


@dataclass(frozen=True)
class EnvLine:
    """One line. `value` and `suspects` (what may be a secret in a faulty line) are for the keeper alone."""

    line: int
    state: str
    name: str | None = None
    value: str | None = field(default=None, repr=False)
    faults: tuple[str, ...] = ()
    suspects: tuple[str, ...] = field(default=(), repr=False)


def value_is_unknown(faults: Iterable[str]) -> bool:
    """Whether a line's faults say that its variable is set to a value that is not known."""
    return not set(UNKNOWN_VALUES).isdisjoint(faults)


def is_binary(content: bytes) -> bool:
    """Whether the bytes are no text: NULs, no byte order mark, and not UTF-8 or every tenth byte a NUL."""
    if b"\0" not in content or content.startswith((*_BOMS, b"\xef\xbb\xbf")):
        return False
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return content.count(b"\0") * 10 > len(content)


def decoded(content: bytes) -> tuple[str, str]:
    """The text, a UTF-8 byte order mark left in it, and the fault of another encoding."""
    for mark, encoding in _BOMS.items():
        if content.startswith(mark):
            return content.decode(encoding, "replace"), "utf-16"
    return content.decode("utf-8", "surrogateescape"), ""


def encoded_like(text: str, content: bytes) -> bytes:
    """A text in the encoding that `decoded` found of other bytes, with their byte order mark."""
    for mark, encoding in _BOMS.items():
        if content.startswith(mark):
            order = "le" if mark.startswith(b"\xff") else "be"
            return mark + text.encode(f"{encoding}-{order}", "surrogatepass")
    return text.encode("utf-8", "surrogateescape")


def parse_env(content: bytes, loaders: tuple[str, ...]) -> tuple[EnvLine, ...]:
    """One `EnvLine` for each line of the bytes, in order; never raises, whatever the bytes are.

    `loaders` are those by which the service may read the file: one if it is known.
    """
    text, encoding_fault = decoded(content)
    raw = list(io.StringIO(text, newline="")) if text != "\ufeff" else []
    bodies = [line.rstrip("\r\n") for line in raw]
    blocked = [_blocked(body) for body in bodies]
    # A line that must not reach a loader is a comment to all of them.
    both = zip(raw, bodies, blocked, strict=True)
    parsed = "".join("#" + line[len(body) :] if why else line for line, body, why in both)
    comment = ("#", ";") if loaders == ("systemd",) else ("#",)
    numbered = enumerate(zip(bodies, blocked, strict=True), 1)
    lines = [_unset(number, body, why, comment) for number, (body, why) in numbered]
    readings = {name: read(parsed) for name, read in READERS.items()} if raw else {}
    for statement, known in _agreed(loaders, readings, bodies) if raw else ():
        reasons = tuple(sorted(set(blocked[statement.first - 1 : statement.last]) - {""}))
        for line in _lines_of(statement, known, bodies, reasons):
            lines[line.line - 1] = line
    if encoding_fault and lines:
        lines[0] = replace(lines[0], faults=(*lines[0].faults, encoding_fault))
    return _with_repetitions(lines)


@dataclass(frozen=True)
class _Known:
    """What is known of one variable's value: the value, and the fault that speaks against it, "" if none."""

    value: str | None = field(repr=False)
    fault: str = ""
    suspects: tuple[str, ...] = field(default=(), repr=False)  # what else it may be, or is written as


def _agreed(
    loaders: tuple[str, ...], readings: dict[str, Reading], bodies: list[str]
) -> Iterator[tuple[Statement, _Known]]:
    """Each statement that one of the loaders makes, and what is known of its value.

    A loader that refuses the file is not the one that reads it, if another one does not. A loader that
    makes nothing of a line says nothing about its value. Of a value that is not known every reading counts.
    """
    taken = [readings[name] for name in loaders if not readings[name].refused]
    others = [*(one for one in readings.values() if not one.refused), *(readings[name] for name in loaders)]
    votes, plausible = _by_place(taken or others), _by_place(readings.values())
    for one in _placed(taken or others):
        own = "\n".join(bodies[one.first - 1 : one.last])
        place = (one.first, one.name)
        yield one, _known(votes.get(place, []), plausible.get(place, []), own, refused=not taken)


def _by_place(readings: Iterable[Reading]) -> dict[tuple[int, str | None], list[str | None]]:
    """The values that readings give a name on a line, each once."""
    found: dict[tuple[int, str | None], dict[str | None, None]] = {}
    for one in (one for reading in readings for one in reading.statements):
        found.setdefault((one.first, one.name), {})[one.value] = None
    return {place: list(values) for place, values in found.items()}


def _placed(readings: list[Reading]) -> Iterator[Statement]:
    """The statements of the first reading, then of each other one what lies on lines that are still free."""
    covered: set[int] = set()
    every = [one for reading in readings for one in reading.statements]
    for one in sorted(every, key=lambda one: one.name is None):
        lines = range(one.first, one.last + 1)
        if covered.isdisjoint(lines):
            covered.update(lines)
            yield one


def _known(votes: list[str | None], plausible: list[str | None], own: str, *, refused: bool) -> _Known:
    written = _WRITTEN.fullmatch(own)
    text = written[1].strip() if written else ""
    quoted = _QUOTED.fullmatch(text)
    # The value that a reader of the line would expect: without its quotes, or a comment behind a space.
    expected = quoted[2] if quoted else re.sub(r"(?:^|\s+)#.*", "", text, flags=re.DOTALL)
    value = votes[0] if len(votes) == 1 else None
    if refused or value is None:
        fault = (
            "refused" if refused else "reference" if votes == [None] and "$" in own else "loaders-disagree"
        )
        possible = (*votes, *plausible, expected, own.partition("=")[2])
        return _Known(None, fault, tuple(dict.fromkeys(filter(None, possible))))
    if "$" in expected or _ESCAPES.sub("", value) == _ESCAPES.sub("", expected):
        return _Known(value)
    return _Known(value, "altered", tuple(dict.fromkeys(filter(None, (value, expected)))))


def entry(line: int, name: str, value: str) -> EnvLine:
    """The line that sets a name to a value, or that is not understood because the name cannot be one."""
    if looks_like_value(name) or _is_padded(name, value):
        # The equals sign may be one within a value, of which a short beginning alone is no secret.
        whole = (f"{name}={value}",) if len(name) < WINDOW else ()
        suspects = _suspects(f"{name} {value}", *whole)
        return EnvLine(line, "not understood", faults=("bad-name",), suspects=suspects)
    if not _NAME.fullmatch(name):
        return EnvLine(line, "not understood", faults=("bad-name",), suspects=_suspects(f"{name} {value}"))
    if blocked := _blocked(value):
        return EnvLine(line, "not understood", faults=(blocked,), suspects=_suspects(value))
    return EnvLine(line, "read", name, value, _value_faults(value))


def looks_like_value(text: str) -> bool:
    """Whether a text in a name's place is more likely a secret, or a piece of one: it must not be shown."""
    return could_be_a_piece(text) or (len(text) >= _LONG and _is_long_value(text))


def _is_long_value(text: str) -> bool:
    lower, upper, digits = (len(re.findall(kind, text)) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
    if digits:
        # A name is of one case, or of short words between its underscores.
        return (lower > 0 and upper > 0) or max(map(len, re.split(r"[_.]", text))) >= _LONG
    # Words begin with one capital: random letters are capitals by half.
    return lower > 0 and 4 * upper > lower


def _is_padded(name: str, value: str) -> bool:
    """Whether a line is base64 or base32 as a whole, and its value nothing but the signs that fill it up."""
    padded = value.strip("=") == "" and value != "" and len(name) >= SHORTEST_PIECE
    return padded and (len(name) + 1 + len(value)) % 4 == 0


def _blocked(body: str) -> str:
    if len(body) > MAX_VALUE_CHARACTERS or _LONG_RUN.search(body):
        return "too-long"
    if "\0" in body:
        return "nul"
    return "undecodable" if _UNDECODABLE.search(body) else ""


def _unset(number: int, body: str, blocked: str, comment: tuple[str, ...]) -> EnvLine:
    """The line of which no loader makes a variable."""
    text = body.removeprefix("\ufeff").strip() if number == 1 else body.strip()
    if not text or (text.startswith(comment) and not blocked):
        return EnvLine(number, "read" if text else "blank")
    fault = blocked or ("no-equals" if _NAME_ALONE.fullmatch(text) else "not-parsed")
    return EnvLine(number, "not understood", faults=(fault,), suspects=_suspects(body))


def _lines_of(
    statement: Statement, known: _Known, bodies: list[str], blocked: tuple[str, ...]
) -> Iterable[EnvLine]:
    """The lines of one statement: the first sets the variable, the others continue its value."""
    first, last = statement.first, statement.last
    own = "\n".join(bodies[first - 1 : last])
    line = EnvLine(first, "not understood", faults=blocked or ("not-parsed",), suspects=_suspects(own))
    if not blocked and statement.name is not None:
        line = entry(first, statement.name, known.value or "")
        if line.state == "read":
            value = None if known.fault and known.fault != "altered" else known.value
            faults = tuple(filter(None, (*line.faults, known.fault)))
            line = replace(line, value=value, faults=faults, suspects=known.suspects)
    yield line
    for number in range(first + 1, last + 1):
        if line.state == "read":
            yield EnvLine(number, "read", faults=("continuation",))
        else:
            yield EnvLine(number, line.state, faults=line.faults, suspects=_suspects(bodies[number - 1]))


def _value_faults(value: str) -> tuple[str, ...]:
    """What was hardly meant, whatever the loader (docs/rules.md#rule-37)."""
    kinds = {unicodedata.category(sign) for sign in value.replace("\n", "")}
    tests = {
        "spaces": value != value.strip(),
        "smart-quotes": bool(_SMART_QUOTES.search(value)),
        "invisible": "\xa0" in value or not kinds.isdisjoint(("Cc", "Cf")),
    }
    return tuple(fault for fault, found in tests.items() if found)


def _suspects(text: str, *whole: str) -> tuple[str, ...]:
    """What looks like a secret in a line that was not understood, `whole` too: nothing may show it."""
    words = (word.strip("'\"") for word in re.split(r"[\s=,;]+|:(?!//)", text[:MAX_VALUE_CHARACTERS]))
    found = (*whole, *(word for word in words if len(word) >= WINDOW and looks_like_value(word)))
    kept = (one for one in found if len(one) <= _LONGEST_SUSPECT and not _UNDECODABLE.search(one))
    return tuple(dict.fromkeys(kept))[:16]


def _with_repetitions(lines: list[EnvLine]) -> tuple[EnvLine, ...]:
    """Marks names that are set more than once, and names that differ by case only (docs/rules.md#rule-41)."""
    names = Counter(line.name for line in lines if line.name)
    folded = Counter(name.casefold() for name in names)
    last = {line.name: line.line for line in lines if line.name}
    for at, line in enumerate(lines):
        if line.name:
            more = ["duplicate"] if names[line.name] > 1 else []
            more += ["overridden"] if last[line.name] != line.line else []
            more += ["case"] if folded[line.name.casefold()] > 1 else []
            lines[at] = replace(line, faults=(*line.faults, *more))
    return tuple(lines)

"""Turns the bytes of an env file into lines: each is read, not understood or blank, and none is lost.

A value is the one that the service's loader gives (loaders.py). Faults that a line can carry
(EnvEntries.faults): duplicate (set more than once), overridden (a later line counts), case (another name
differs by case only), spaces, smart-quotes, invisible, utf-16, continuation (of a value), altered (the
loader gives another value than is written); of a value that is not known: loaders-disagree, reference (to
what the file does not set before), refused (the loader takes nothing of this file); and of a line that was
not understood: no-equals, bad-name, not-parsed, too-long, nul, undecodable.
"""

import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from audit_lib.secrecy.forms import WINDOW
from audit_lib.secrecy.wording import SHORTEST_PIECE, could_be_a_piece
from audit_lib.secrets.loaders import CAREFUL, READERS, Reading, Statement

# Faults of a line whose variable is set, to a value that is not known.
UNKNOWN_VALUES = ("loaders-disagree", "reference", "refused")
# Linux hands no longer string to a process (MAX_ARG_STRLEN), so no application can hold it.
MAX_LINE_CHARACTERS = 131_072
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
_BOMS = (
    (b"\xff\xfe\x00\x00", "utf-32", "utf-16"),
    (b"\x00\x00\xfe\xff", "utf-32", "utf-16"),
    (b"\xff\xfe", "utf-16", "utf-16"),
    (b"\xfe\xff", "utf-16", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8", ""),
)


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
    if b"\0" not in content or content.startswith(tuple(mark for mark, _, _ in _BOMS)):
        return False
    if content.count(b"\0") * 10 > len(content):
        return True
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False


def parse_env(content: bytes, loaders: tuple[str, ...]) -> tuple[EnvLine, ...]:
    """One `EnvLine` for each line of the bytes, in order; never raises, whatever the bytes are.

    `loaders` are those by which the service may read the file: one if it is known.
    """
    text, encoding_fault = decoded(content)
    raw = list(io.StringIO(text, newline="")) if text != "\ufeff" else []
    bodies = [line.rstrip("\r\n") for line in raw]
    blocked = [_blocked(body) for body in bodies]
    # A line that must not reach a loader is a comment to all of them.
    parsed = "".join(
        "#" + line[len(body) :] if why else line for line, body, why in zip(raw, bodies, blocked, strict=True)
    )
    lines = [
        _unset(number, body, why, ";" if loaders == ("systemd",) else "#")
        for number, (body, why) in enumerate(zip(bodies, blocked, strict=True), 1)
    ]
    for statement, known in _agreed(loaders, parsed) if raw else ():
        covered = range(statement.first, statement.last + 1)
        faults = sorted({blocked[number - 1] for number in covered} - {""})
        for line in _lines_of(statement, known, bodies, tuple(faults)):
            lines[line.line - 1] = line
    if encoding_fault and lines:
        lines[0] = replace(lines[0], faults=(*lines[0].faults, encoding_fault))
    return _with_repetitions(lines)


@dataclass(frozen=True)
class _Known:
    """What is known of one variable's value: the value, the fault that speaks against it, "" if none.

    `suspects` are what the value may be if it is not known, or what is written if the loader alters it.
    """

    value: str | None = field(repr=False)
    fault: str = ""
    suspects: tuple[str, ...] = field(default=(), repr=False)


def _agreed(loaders: tuple[str, ...], text: str) -> Iterator[tuple[Statement, _Known]]:
    """Each statement of a text that one of the loaders makes, and what is known of its value.

    A loader that refuses the file is not the one that reads it, if another one does not. A loader that
    makes nothing of a line says nothing about its value. Of a value that is not known every reading counts.
    """
    every = {name: read(text) for name, read in READERS.items()}
    taken = [every[name] for name in loaders if not every[name].refused]
    named = taken or [*(one for one in every.values() if not one.refused), *(every[name] for name in loaders)]
    votes = _by_place(named)
    plausible = _by_place(list(every.values()))
    written = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for one in _placed(named):
        own = "\n".join(written[one.first - 1 : one.last])
        values = votes.get((one.first, one.name), [])
        known = _known(values, plausible.get((one.first, one.name), []), own, refused=not taken)
        if known.fault == "reference" and not set(CAREFUL).isdisjoint(loaders):
            known = replace(known, fault="loaders-disagree")
        yield one, known


def _by_place(readings: list[Reading]) -> dict[tuple[int, str | None], list[str | None]]:
    """The values that readings give a name on a line, each once."""
    found: dict[tuple[int, str | None], list[str | None]] = {}
    for one in (one for reading in readings for one in reading.statements if one.name is not None):
        values = found.setdefault((one.first, one.name), [])
        values += [] if one.value in values else [one.value]
    return found


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
    as_written = _as_written(own)
    literal = own.partition("=")[2]
    possible = tuple(dict.fromkeys(value for value in (*votes, *plausible, as_written, literal) if value))
    value = votes[0] if len(votes) == 1 else None
    if refused or value is None:
        return _Known(
            None, "refused" if refused else "reference" if votes == [None] else "loaders-disagree", possible
        )
    if "$" in as_written or _ESCAPES.sub("", value) == _ESCAPES.sub("", as_written):
        return _Known(value)
    return _Known(value, "altered", tuple(dict.fromkeys(filter(None, (value, as_written)))))


def _as_written(own: str) -> str:
    """The value that a reader of the line would expect: without its quotes, or a comment behind a space."""
    found = _WRITTEN.fullmatch(own)
    text = found[1].strip() if found else ""
    quoted = _QUOTED.fullmatch(text)
    return quoted[2] if quoted else re.sub(r"(?:^|\s+)#.*", "", text, flags=re.DOTALL)


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


def decoded(content: bytes) -> tuple[str, str]:
    """The text, a UTF-8 byte order mark left in it, and the fault of another encoding."""
    for mark, encoding, fault in _BOMS:
        if fault and content.startswith(mark):
            return content.decode(encoding, "replace"), fault
    return content.decode("utf-8", "surrogateescape"), ""


def encoded_like(text: str, content: bytes) -> bytes:
    """A text in the encoding that `decoded` found of other bytes, with their byte order mark."""
    for mark, encoding, fault in _BOMS:
        if fault and content.startswith(mark):
            order = "le" if mark.startswith(b"\xff") else "be"
            return mark + text.encode(f"{encoding}-{order}", "surrogatepass")
    return text.encode("utf-8", "surrogateescape")


def _blocked(body: str) -> str:
    if len(body) > MAX_LINE_CHARACTERS or _LONG_RUN.search(body):
        return "too-long"
    if "\0" in body:
        return "nul"
    return "undecodable" if _UNDECODABLE.search(body) else ""


def _unset(number: int, body: str, blocked: str, comment: str) -> EnvLine:
    """The line of which no loader makes a variable."""
    text = body.removeprefix("\ufeff").strip() if number == 1 else body.strip()
    if not text or (text[0] in ("#", comment) and not blocked):
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
    """What was hardly meant, whatever the loader.

    Source: docs/rules.md#rule-37.
    """
    tests = {
        "spaces": value != value.strip(),
        "smart-quotes": bool(_SMART_QUOTES.search(value)),
        "invisible": any(
            unicodedata.category(sign) in ("Cc", "Cf") or sign == "\xa0" for sign in value.replace("\n", "")
        ),
    }
    return tuple(fault for fault, found in tests.items() if found)


def _suspects(text: str, *whole: str) -> tuple[str, ...]:
    """What looks like a secret in a line that was not understood, so that no artefact may show it: `whole`
    if that is given, and words."""
    words = (word.strip("'\"") for word in re.split(r"[\s=,;]+|:(?!//)", text[:MAX_LINE_CHARACTERS]))
    found = (*whole, *(word for word in words if len(word) >= WINDOW and looks_like_value(word)))
    kept = (one for one in found if len(one) <= _LONGEST_SUSPECT and not _UNDECODABLE.search(one))
    return tuple(dict.fromkeys(kept))[:16]


def _with_repetitions(lines: list[EnvLine]) -> tuple[EnvLine, ...]:
    """Marks names that are set more than once, and names that differ by case only (docs/rules.md#rule-41)."""
    names = Counter(line.name for line in lines if line.name)
    folded = Counter(name.casefold() for name in names)
    last = {line.name: line.line for line in lines if line.name}
    marked = []
    for line in lines:
        more: list[str] = []
        if line.name:
            more += ["duplicate"] if names[line.name] > 1 else []
            more += ["overridden"] if last[line.name] != line.line else []
            more += ["case"] if folded[line.name.casefold()] > 1 else []
        marked.append(replace(line, faults=line.faults + tuple(more)))
    return tuple(marked)

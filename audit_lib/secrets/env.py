"""Turns the bytes of an env file into lines: each is read, not understood or blank, and none is lost.
A value is the one that the service's loader gives (loaders.py). Faults of a line: duplicate (set more than
once: the last line counts), case (another name differs by case only), spaces, smart-quotes, invisible,
utf-16, continuation (of a value), altered (the loader gives another value than is written); of an unknown
value: loaders-disagree, reference (to what the file does not set before), refused (nothing of this file is
taken); of a line that was not understood: not-parsed, bad-name, too-long, nul, undecodable.
"""

import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from audit_lib.secrecy.redact import WINDOW
from audit_lib.secrecy.strength import SHORTEST_PIECE, could_be_a_piece
from audit_lib.secrets.loaders import MAX_VALUE_CHARACTERS, READERS, Statement

UNKNOWN_VALUES = ("loaders-disagree", "reference", "refused")
MAX_BYTES = 2 * 1024 * 1024  # of one source: by default Linux gives a process no larger environment
_LONGEST_SUSPECT, _MAX_SUSPECTS = 4096, 16  # characters; of a line
_LONG = 20  # characters: such random text is known by the kinds that it mixes
_LONG_RUN = re.compile(r"\s{65}")  # python-dotenv's search for comments takes the square of a run of spaces
_UNDECODABLE = re.compile("[\ud800-\udfff\ufffd]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,127}")
_WRITTEN = re.compile(  # A="x" # why, A=x # why
    r"(?s)[^=:]*[=:]\s*(?:(['\"`])(?P<quoted>.*)\1\s*(?:#.*)?|(?P<bare>.*?)\s*(?:(?<![^\s=:])#.*)?)"
)
_ESCAPES = re.compile(r"\\[nrt]?|[\n\r\t]")  # what these may become is no change of a value
_SMART_QUOTES = re.compile("[\u2018-\u201f\u00ab\u00bb]")
_REFERENCE = re.compile(r"\$\{?([A-Za-z_]\w*)")  # ${A}, $A
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # byte order marks
Statements = dict[str, Statement]  # by loader, of the same first line and name


@dataclass(frozen=True)
class EnvLine:
    """One line. `value` and `suspects` (what may be a secret in a faulty line) are for the keeper alone."""

    line: int
    state: str
    name: str | None = None
    value: str | None = field(default=None, repr=False)
    faults: tuple[str, ...] = ()
    suspects: tuple[str, ...] = field(default=(), repr=False)
    refers: str = ""  # to names of its file, by commas
    loader: str = ""  # whose reading the value is; "" if it is not known, or if there is no loader


def value_is_unknown(faults: Iterable[str]) -> bool:
    """Whether a line's faults say that its variable is set to a value that is not known."""
    return not set(UNKNOWN_VALUES).isdisjoint(faults)


def decoded(content: bytes) -> tuple[str, str]:
    """The text, a UTF-8 byte order mark left in it, and the fault of another encoding, "" of UTF-8."""
    if content.startswith(_UTF_16):
        return content.decode("utf-16", "replace"), "utf-16"
    return content.decode("utf-8", "surrogateescape"), ""


def is_binary(content: bytes) -> bool:
    """Whether the bytes are no text: NULs, no byte order mark, and not UTF-8 or every tenth byte a NUL."""
    nuls = 0 if content.startswith((*_UTF_16, b"\xef\xbb\xbf")) else content.count(b"\0")
    return nuls * 10 > len(content) or bool(nuls and _UNDECODABLE.search(decoded(content)[0]))


def parse_env(content: bytes, loaders: tuple[str, ...]) -> tuple[EnvLine, ...]:
    """One `EnvLine` for each line of the bytes, in order; never raises, whatever the bytes are.
    `loaders` are those by which the service may read the file. One that refuses it has no say if another one
    does not, nor has one that makes nothing of a line about its value.
    """
    text, encoding_fault = decoded(content)
    raw = list(io.StringIO(text, newline="")) if text != "\ufeff" else []
    bodies = [line.rstrip("\r\n") for line in raw]
    blocked = [_blocked(body) for body in bodies]
    # A line that must not reach a loader is a comment to all of them.
    kept = ("#" + raw[at][len(bodies[at]) :] if why else raw[at] for at, why in enumerate(blocked))
    starting, taken = _by_first_line("".join(kept), loaders)
    comment, loader = (";" if loaders == ("systemd",) else "#"), (loaders[0] if len(loaders) == 1 else "")
    names = {one.name for found in starting.values() for one in found.values()}
    lines: list[EnvLine] = []
    while (at := len(lines)) < len(bodies):
        found = starting.get(at + 1, {})
        own = slice(at, next((one.last for one in found.values()), at + 1))
        text = "\n".join(bodies[own]).removeprefix("" if at else "\ufeff")
        why, bare = sorted({*blocked[own]} - {""}), text.strip()
        if not bare or (not (why or found) and bare.startswith(("#", comment))):
            line = EnvLine(at + 1, "read" if bare else "blank")
        elif why or not found:
            line = _not_understood(at + 1, why or ["not-parsed"], text)
        else:
            refers = ",".join(sorted(names.intersection(_REFERENCE.findall(text))))
            line = replace(_set_line(text, found, taken, loader), refers=refers)
        lines.append(line)
        lines += (
            EnvLine(number, "read", faults=("continuation",))
            if line.state == "read"
            else _not_understood(number, line.faults, body)
            for number, body in enumerate(bodies[own][1:], at + 2)
        )
    if encoding_fault and lines:
        lines[0] = replace(lines[0], faults=(*lines[0].faults, encoding_fault))
    return with_oddities(lines)


def _by_first_line(text: str, loaders: tuple[str, ...]) -> tuple[dict[int, Statements], list[str]]:
    """The statements by the line where they begin, which share no line, and the loaders that take the file:
    if none does, the statements of all loaders count."""
    readings = {loader: read(text) for loader, read in READERS.items()}
    taken = [loader for loader in loaders if not readings[loader].refused]
    every: dict[tuple[int, str], Statements] = defaultdict(dict)
    for loader in dict.fromkeys((*taken, *READERS)):
        for one in readings[loader].statements:
            every[one.first, one.name][loader] = one
    starting, covered = dict[int, Statements](), set[int]()
    for found in every.values():
        loader, first = next(iter(found.items()))
        own = range(first.first, first.last + 1)
        if (loader in taken or not taken) and covered.isdisjoint(own):
            starting[first.first] = found
            covered.update(own)
    return starting, taken


def _set_line(own: str, found: Statements, taken: list[str], loader: str) -> EnvLine:
    """The line that sets a variable, by the loaders that take the file; without a value if they read several.
    Of a value that is not known, all readings and what is written may be the secret: each is searched for."""
    first, values = next(iter(found.values())), {one.value for by, one in found.items() if by in taken}
    value = next(iter(values)) if len(values) == 1 else None
    line = entry(first.first, first.name, value or "", loader)
    written = _WRITTEN.fullmatch(own)  # as its reader expects: without quotes, or a comment behind a space
    expected = (written["quoted"] or written["bare"] or "") if written else ""
    faults = {
        "refused": not values,
        "reference": values == {None} and "$" in own,
        "loaders-disagree": value is None,
        "altered": "$" not in expected and _ESCAPES.sub("", value or "") != _ESCAPES.sub("", expected),
    }
    if line.state != "read" or not any(faults.values()):
        return line
    readings = (*(one.value for one in found.values()), own.partition("=")[2]) if value is None else ()
    suspects = tuple(dict.fromkeys(filter(None, (value, expected, *readings))))
    return replace(line, value=value, faults=(next(filter(faults.get, faults)),), suspects=suspects)


def entry(line: int, name: str, value: str, loader: str = "") -> EnvLine:
    """The line that sets a name to a value, or that is not understood because the name cannot be one."""
    # A line may be base64 or base32 as a whole, and its value nothing but the signs that fill it up.
    is_padding = value != "" and not value.strip("=") and len(name) >= SHORTEST_PIECE
    is_value = looks_like_value(name) or (is_padding and len(f"{name}={value}") % 4 == 0)
    if is_value or not _NAME.fullmatch(name):
        # The equals sign may be one within a value, of which a short beginning alone is no secret.
        whole = [f"{name}={value}"] if is_value and len(name) < WINDOW else []
        return _not_understood(line, ["bad-name"], f"{name} {value}", *whole)
    if fault := _blocked(value):
        return _not_understood(line, [fault], value)
    return EnvLine(line, "read", name, value, loader=loader)


def _not_understood(line: int, faults: Iterable[str], text: str, *whole: str) -> EnvLine:
    words = (word.strip("'\"") for word in re.split(r"[\s=,;]+|:(?!//)", text[:MAX_VALUE_CHARACTERS]))
    found = (*whole, *(word for word in words if len(word) >= WINDOW and looks_like_value(word)))
    kept = (one for one in found if len(one) <= _LONGEST_SUSPECT and not _UNDECODABLE.search(one))
    suspects = tuple(dict.fromkeys(kept))[:_MAX_SUSPECTS]
    return EnvLine(line, "not understood", faults=tuple(faults), suspects=suspects)


def looks_like_value(text: str) -> bool:
    """Whether a text in a name's place is more likely a secret, or a piece of one: it must not be shown."""
    if could_be_a_piece(text) or len(text) < _LONG:
        return could_be_a_piece(text)
    if re.search("[0-9]", text):
        # A name is of one case, or of short words between its underscores.
        return text not in (text.lower(), text.upper()) or max(map(len, re.split(r"[_.]", text))) >= _LONG
    # Words are of one case or begin with one capital: random letters are capitals by half.
    mixed = "".join(one for one in re.split(r"[_.]", text) if one not in (one.lower(), one.upper()))
    return 4 * len(re.findall("[A-Z]", mixed)) > len(re.findall("[a-z]", mixed))


def _blocked(body: str) -> str:
    if len(body) > MAX_VALUE_CHARACTERS or _LONG_RUN.search(body):
        return "too-long"
    return "nul" if "\0" in body else "undecodable" if _UNDECODABLE.search(body) else ""


def with_oddities(lines: Iterable[EnvLine]) -> tuple[EnvLine, ...]:
    """The lines of one source with what was hardly meant, whatever the loader, among their faults: signs in a
    value (docs/rules.md#rule-37) and names (docs/rules.md#rule-41)."""
    marked = list(lines)
    counts = Counter(line.name for line in marked if line.name)
    folded = Counter(map(str.casefold, counts))
    for at, line in enumerate(marked):
        value = line.value or ""
        tests = {
            "spaces": value != value.strip(),
            "smart-quotes": _SMART_QUOTES.search(value),
            "invisible": not value.replace("\n", "").isprintable(),
            "duplicate": counts[line.name or ""] > 1,
            "case": folded[(line.name or "").casefold()] > 1,
        }
        marked[at] = replace(line, faults=(*line.faults, *filter(tests.get, tests)))
    return tuple(marked)

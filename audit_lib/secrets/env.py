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
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from audit_lib.secrecy.redact import WINDOW
from audit_lib.secrecy.strength import SHORTEST_PIECE, could_be_a_piece
from audit_lib.secrets.loaders import MAX_VALUE_CHARACTERS, READERS, Reading, Statement

# Faults of a line whose variable is set, to a value that is not known.
UNKNOWN_VALUES = ("loaders-disagree", "reference", "refused")
MAX_LINES = 20_000
_LONGEST_SUSPECT, _MAX_SUSPECTS = 4096, 16  # characters; of a line
_LONG = 20  # characters, of which random text is known by the kinds that it mixes
# python-dotenv's search for comments takes the square of a run of spaces: longer runs are not parsed.
_LONG_RUN = re.compile(r"\s{65}")
_UNDECODABLE = re.compile("[\ud800-\udfff\ufffd]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,127}")
_NAME_ALONE = re.compile(r"\s*(?:export\s+)?[^\s=:#'\"]+\s*")
_WRITTEN = re.compile(  # A="x" # why, A=x # why
    r"(?s)[^=:]*[=:]\s*(?:(['\"`])(?P<quoted>.*)\1\s*(?:#.*)?|(?P<bare>.*?)\s*(?:(?<![^\s=:])#.*)?)"
)
# What an escape or a line end may become is no change of a value.
_ESCAPES = re.compile(r"\\[nrt]?|[\n\r\t]")
_SMART_QUOTES = re.compile("[\u2018-\u201f\u00ab\u00bb]")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # byte order marks


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


def decoded(content: bytes) -> tuple[str, str]:
    """The text, a UTF-8 byte order mark left in it, and the fault of another encoding."""
    if content.startswith(_UTF_16):
        return content.decode("utf-16", "replace"), "utf-16"
    return content.decode("utf-8", "surrogateescape"), ""


def is_binary(content: bytes) -> bool:
    """Whether the bytes are no text: NULs, no byte order mark, and not UTF-8 or every tenth byte a NUL."""
    if b"\0" not in content or content.startswith((*_UTF_16, b"\xef\xbb\xbf")):
        return False
    return content.count(b"\0") * 10 > len(content) or bool(_UNDECODABLE.search(decoded(content)[0]))


def parse_env(content: bytes, loaders: tuple[str, ...]) -> tuple[EnvLine, ...]:
    """One `EnvLine` for each line of the bytes, in order; never raises, whatever the bytes are.

    `loaders` are those by which the service may read the file: one if it is known. One that refuses the file
    is not the one that reads it, if another one does not. A loader that makes nothing of a line says nothing
    about its value.
    """
    text, encoding_fault = decoded(content)
    raw = list(io.StringIO(text, newline="")) if text != "\ufeff" else []
    bodies = [line.rstrip("\r\n") for line in raw]
    blocked = [_blocked(body) for body in bodies]
    comment = ("#", ";") if loaders == ("systemd",) else ("#",)
    lines = [
        _unset(at + 1, body, why, comment) for at, (body, why) in enumerate(zip(bodies, blocked, strict=True))
    ]
    # A line that must not reach a loader is a comment to all of them.
    kept = "".join("#" + raw[at][len(bodies[at]) :] if why else raw[at] for at, why in enumerate(blocked))
    every = {name: read(kept) for name, read in READERS.items()} if raw else {}
    taken = [every[name] for name in loaders if raw and not every[name].refused]
    votes, plausible = _by_place(taken), _by_place(every.values())
    covered: set[int] = set()
    for place, (one, *_) in (votes if taken else plausible).items():
        numbers = range(one.first, one.last + 1)
        if covered.isdisjoint(numbers):
            covered.update(numbers)
            own, why = (
                "\n".join(bodies[one.first - 1 : one.last]),
                {*blocked[one.first - 1 : one.last]} - {""},
            )
            head = _set_line(place, own, votes.get(place, []), plausible[place])
            if why:
                head = EnvLine(
                    one.first, "not understood", faults=tuple(sorted(why)), suspects=_suspects(own)
                )
            going_on = EnvLine(0, "read", faults=("continuation",)) if head.state == "read" else None
            for number in numbers[1:]:
                bad = replace(lines[number - 1], state=head.state, faults=head.faults)
                lines[number - 1] = replace(going_on, line=number) if going_on else bad
            lines[one.first - 1] = head
    if encoding_fault and lines:
        lines[0] = replace(lines[0], faults=(*lines[0].faults, encoding_fault))
    return _with_repetitions(lines)


def _by_place(readings: Iterable[Reading]) -> dict[tuple[int, str], list[Statement]]:
    """The statements of readings by first line and name."""
    found: dict[tuple[int, str], list[Statement]] = {}
    for one in (one for reading in readings for one in reading.statements):
        found.setdefault((one.first, one.name), []).append(one)
    return found


def _set_line(
    place: tuple[int, str], own: str, votes: list[Statement], plausible: list[Statement]
) -> EnvLine:
    """The line that sets a variable, by the loaders that may read it; without votes all refuse the file.

    Of a value that is not known, every reading and what is written may be the secret.
    """
    values = {one.value for one in votes}
    value = votes[0].value if len(values) == 1 else None
    line = entry(*place, value or "")
    if line.state != "read":
        return line
    # The value that a reader of the line would expect: without its quotes, or a comment behind a space.
    written = _WRITTEN.fullmatch(own)
    expected = (written["quoted"] or written["bare"] or "") if written else ""
    possible = [value, expected]
    if value is not None:
        same = "$" in expected or _ESCAPES.sub("", value) == _ESCAPES.sub("", expected)
        fault = "" if same else "altered"
    else:
        possible += [*(one.value for one in plausible), own.partition("=")[2]]
        reference = values == {None} and "$" in own
        fault = "refused" if not votes else "reference" if reference else "loaders-disagree"
    suspects = tuple(dict.fromkeys(filter(None, possible))) if fault else ()
    return replace(line, value=value, faults=tuple(filter(None, (*line.faults, fault))), suspects=suspects)


def entry(line: int, name: str, value: str) -> EnvLine:
    """The line that sets a name to a value, or that is not understood because the name cannot be one."""
    fault, suspects = "bad-name", _suspects(f"{name} {value}")
    # A line may be base64 or base32 as a whole, and its value nothing but the signs that fill it up.
    is_padding = value != "" and not value.strip("=") and len(name) >= SHORTEST_PIECE
    if looks_like_value(name) or (is_padding and len(f"{name}={value}") % 4 == 0):
        # The equals sign may be one within a value, of which a short beginning alone is no secret.
        suspects = _suspects(f"{name} {value}", *([f"{name}={value}"] if len(name) < WINDOW else []))
    elif _NAME.fullmatch(name):
        fault, suspects = _blocked(value), _suspects(value)
        if not fault:
            return EnvLine(line, "read", name, value, _value_faults(value))
    return EnvLine(line, "not understood", faults=(fault,), suspects=suspects)


def looks_like_value(text: str) -> bool:
    """Whether a text in a name's place is more likely a secret, or a piece of one: it must not be shown."""
    if could_be_a_piece(text) or len(text) < _LONG:
        return could_be_a_piece(text)
    lower, upper, digits = (len(re.findall(kind, text)) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
    if digits:
        # A name is of one case, or of short words between its underscores.
        return (lower > 0 and upper > 0) or max(map(len, re.split(r"[_.]", text))) >= _LONG
    # Words begin with one capital: random letters are capitals by half.
    return lower > 0 and 4 * upper > lower


def _blocked(body: str) -> str:
    """Why a line reaches no loader; "" if it does."""
    if len(body) > MAX_VALUE_CHARACTERS or _LONG_RUN.search(body):
        return "too-long"
    return "nul" if "\0" in body else "undecodable" if _UNDECODABLE.search(body) else ""


def _unset(number: int, body: str, blocked: str, comment: tuple[str, ...]) -> EnvLine:
    """The line of which no loader makes a variable."""
    text = body.removeprefix("\ufeff" if number == 1 else "").strip()
    if not text or (text.startswith(comment) and not blocked):
        return EnvLine(number, "read" if text else "blank")
    fault = blocked or ("no-equals" if _NAME_ALONE.fullmatch(text) else "not-parsed")
    return EnvLine(number, "not understood", faults=(fault,), suspects=_suspects(body))


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
    return tuple(dict.fromkeys(kept))[:_MAX_SUSPECTS]


def _with_repetitions(lines: list[EnvLine]) -> tuple[EnvLine, ...]:
    """Marks names that are set more than once, and names that differ by case only (docs/rules.md#rule-41)."""
    names = Counter(line.name for line in lines if line.name)
    folded = Counter(name.casefold() for name in names)
    last = {line.name: line.line for line in lines if line.name}
    for at, line in enumerate(lines):
        if line.name:
            tests = {
                "duplicate": names[line.name] > 1,
                "overridden": last[line.name] != line.line,
                "case": folded[line.name.casefold()] > 1,
            }
            more = (fault for fault, found in tests.items() if found)
            lines[at] = replace(line, faults=(*line.faults, *more))
    return tuple(lines)

"""Turns the bytes of an env file into lines: each is read, not understood or blank, and none is lost.

Lines are parsed by python-dotenv, as the application does it, but nothing is interpolated: `${A}` would
be filled from the auditor's own environment. Faults that a line can carry (EnvEntries.faults):

duplicate (set more than once), overridden (a later line counts), case (another name differs by case only),
export, quoted, comment (behind the value), spaces, smart-quotes, invisible, dollar, interpolation,
crlf, bom, utf-16, continuation (of a quoted value); and of a line that was not understood: no-equals,
bad-name, not-parsed, too-long, nul, undecodable.
"""

import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from dotenv.parser import Binding, parse_stream

# Linux hands no longer string to a process (MAX_ARG_STRLEN), so no application can hold it.
MAX_LINE_CHARACTERS = 131_072
MAX_LINES = 20_000
# The parser's search for comments takes the square of a run of spaces: longer runs are not parsed.
_LONG_RUN = re.compile(r"\s{65}")
_UNDECODABLE = re.compile("[\ud800-\udfff\ufffd]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,127}")
_SMART_QUOTES = re.compile("[\u2018-\u201f\u00ab\u00bb]")
_BOMS = (
    (b"\xff\xfe\x00\x00", "utf-32", "utf-16"),
    (b"\x00\x00\xfe\xff", "utf-32", "utf-16"),
    (b"\xff\xfe", "utf-16", "utf-16"),
    (b"\xfe\xff", "utf-16", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8-sig", "bom"),
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


def parse_env(content: bytes) -> tuple[EnvLine, ...]:
    """One `EnvLine` for each line of the bytes, in order; never raises, whatever the bytes are."""
    text, encoding_fault = _decoded(content)
    raw = list(io.StringIO(text, newline=""))
    bodies = [line.rstrip("\r\n") for line in raw]
    blocked = [_blocked(body) for body in bodies]
    # A line that must not reach the parser is replaced by one that it cannot understand either.
    parsed = "\n".join("=" if why else body for body, why in zip(bodies, blocked, strict=True)) + "\n"
    lines = [EnvLine(number, "not understood") for number in range(1, len(raw) + 1)]
    for binding in parse_stream(io.StringIO(parsed)) if raw else ():
        for line in _lines_of(binding, bodies, blocked):
            lines[line.line - 1] = line
    for number, ending in enumerate(raw):
        found = (encoding_fault if number == 0 else "", "crlf" if "\r" in ending[-2:] else "")
        lines[number] = replace(lines[number], faults=lines[number].faults + tuple(filter(None, found)))
    return _with_repetitions(lines)


def entry(line: int, name: str, value: str, raw: str | None = None) -> EnvLine:
    """The line that sets a name to a value, or that is not understood because the name cannot be one.

    `raw` is the text behind the equals sign where there is one: what dotenv strips, a platform keeps.
    """
    if not _NAME.fullmatch(name) or looks_like_value(name):
        return EnvLine(line, "not understood", faults=("bad-name",), suspects=_suspects(f"{name} {value}"))
    if blocked := _blocked(value):
        return EnvLine(line, "not understood", faults=(blocked,), suspects=_suspects(value))
    return EnvLine(line, "read", name, value, _value_faults(value, raw))


def looks_like_value(text: str) -> bool:
    """Whether a text in a name's place is more likely a secret: it must not be shown."""
    if len(text) < 20:
        return False
    lower, upper, digits = (len(re.findall(kind, text)) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
    if digits:
        # A name is of one case, or of short words between its underscores.
        return (lower > 0 and upper > 0) or max(map(len, re.split(r"[_.]", text))) >= 20
    # Words begin with one capital: random letters are capitals by half.
    return lower > 0 and 4 * upper > lower


def _decoded(content: bytes) -> tuple[str, str]:
    for mark, encoding, fault in _BOMS:
        if content.startswith(mark):
            errors = "surrogateescape" if encoding == "utf-8-sig" else "replace"
            return content.decode(encoding, errors), fault
    return content.decode("utf-8", "surrogateescape"), ""


def _blocked(body: str) -> str:
    if len(body) > MAX_LINE_CHARACTERS or _LONG_RUN.search(body):
        return "too-long"
    if "\0" in body:
        return "nul"
    return "undecodable" if _UNDECODABLE.search(body) else ""


def _lines_of(binding: Binding, bodies: list[str], blocked: list[str]) -> Iterator[EnvLine]:
    """The lines that one binding of the parser covers: blank ones before it, then its own."""
    text = binding.original.string
    own = text.lstrip()
    first = binding.original.line + text[: len(text) - len(own)].count("\n")
    for number in range(binding.original.line, first):
        yield EnvLine(number, "blank")
    if not own:
        return
    last = first + own.rstrip("\n").count("\n")
    faults = sorted({blocked[number - 1] for number in range(first, last + 1)} - {""})
    line = _line_of(binding, own, first, faults)
    yield line
    for number in range(first + 1, last + 1):
        if line.state == "read":
            yield EnvLine(number, "read", faults=("continuation",))
        else:
            yield EnvLine(number, line.state, faults=line.faults, suspects=_suspects(bodies[number - 1]))


def _line_of(binding: Binding, own: str, number: int, blocked: list[str]) -> EnvLine:
    if blocked or binding.error:
        return EnvLine(
            number, "not understood", faults=tuple(blocked) or ("not-parsed",), suspects=_suspects(own)
        )
    if binding.key is None:
        return EnvLine(number, "read")
    if binding.value is None:
        return EnvLine(number, "not understood", faults=("no-equals",), suspects=_suspects(own))
    before, _, raw = own.partition("=")
    line = entry(number, binding.key, binding.value, raw.removesuffix("\n"))
    exported = ("export",) if re.match(r"export[^\S\n]", before) else ()
    spaced = ("spaces",) if before != before.rstrip() and "spaces" not in line.faults else ()
    return replace(line, faults=exported + line.faults + spaced)


def _value_faults(value: str, raw: str | None) -> tuple[str, ...]:
    """What other loaders read differently, or what was hardly meant.

    Sources: docs/rules.md#rule-37, docs/rules.md#rule-40.
    """
    text = value if raw is None else raw
    quoted = text.strip()[:1] in ("'", '"')
    tests = {
        "quoted": quoted,
        "comment": raw is not None and not quoted and raw.strip() != value,
        "spaces": text != text.strip() or value != value.strip(),
        "smart-quotes": bool(_SMART_QUOTES.search(value)),
        "invisible": any(
            unicodedata.category(sign) in ("Cc", "Cf") or sign == "\xa0" for sign in value.replace("\n", "")
        ),
        "dollar": "$" in value,
        "interpolation": "${" in value,
    }
    return tuple(fault for fault, found in tests.items() if found)


def _suspects(text: str) -> tuple[str, ...]:
    """The words of a line that was not understood which look like a secret: no artefact may show them."""
    words = (word.strip("'\"") for word in re.split(r"[\s=,;]+|:(?!//)", text[:MAX_LINE_CHARACTERS]))
    return tuple(
        dict.fromkeys(
            word
            for word in words
            if len(word) <= 4096 and looks_like_value(word) and not _UNDECODABLE.search(word)
        )
    )[:16]


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

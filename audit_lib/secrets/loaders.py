"""How loaders read an env file: python-dotenv, node's and Next exactly; of any other, what is plain.

What a loader takes from the environment of its process is not known here: it is assumed to hold none of the
names that the file sets. By which loader a service reads a file is declared, or said by its neighbours: if
these speak for several, or for none, all that are plausible count, and a value is known only if they agree.
"""

import io
import json
import os
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path, PurePosixPath

from dotenv.parser import parse_stream
from dotenv.variables import Variable, parse_variables

from audit_lib.base.files import Unreadable, read_source
from audit_lib.settings import EnvSource

# Linux hands no longer string to a process (MAX_ARG_STRLEN): what references make longer is not known.
MAX_VALUE_CHARACTERS = 131_072
UNDECLARED = ("python-dotenv", "dotenv", "next", "compose", "docker", "systemd")
CAREFUL = ("compose", "docker", "systemd")  # those whose rules are not known here


@dataclass(frozen=True)
class Statement:
    """The lines that set one variable; lines count from 1. A statement without a name was not understood.

    The value is None if it takes in a variable that the file does not set before (the environment of the
    process decides), grows beyond what a process can hold, or could be read differently.
    """

    first: int
    last: int
    name: str | None
    value: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Reading:
    """The statements of one file in order; of a refused file the service gets no variable at all."""

    statements: tuple[Statement, ...]
    refused: bool = False


class _Lines:
    """The lines of a text by offset: carriage returns, line feeds and both together end one."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *accumulate(map(len, io.StringIO(text, newline="")))]

    def at(self, offset: int) -> int:
        """The number of the line, from 1, that an offset lies in."""
        return bisect_right(self._starts, offset)


# ---- python-dotenv: `load_dotenv()`, with its own parser; `${NAME}` is filled in.
# Source: python-dotenv 1.2, parser.py, variables.py and main.py (resolve_variables).


def read_python_dotenv(text: str) -> Reading:
    """The statements of a text. A name without an equals sign sets nothing, and undoes what did before."""
    held: dict[str, str | None] = {}
    found: list[Statement] = []
    for binding in parse_stream(io.StringIO(_with_line_feeds(text))):
        own = binding.original.string.lstrip()
        first = binding.original.line + binding.original.string.removesuffix(own).count("\n")
        last = first + own.rstrip("\n").count("\n")
        if binding.error:
            found.append(Statement(first, last, None))
        elif binding.key is not None and binding.value is not None:
            held[binding.key] = _filled_in(binding.value, held)
            found.append(Statement(first, last, binding.key, held[binding.key]))
        elif binding.key in held:
            del held[binding.key]
    return Reading(tuple(one if one.name in held else replace(one, name=None, value=None) for one in found))


def _filled_in(value: str, held: dict[str, str | None]) -> str | None:
    # Behind the last brace no reference ends, and looking for one would take the square of the length.
    end = value.rfind("}") + 1
    atoms = list(parse_variables(value[:end]))
    parts = [held.get(one.name) if isinstance(one, Variable) else one.resolve({}) for one in atoms]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts) or sum(map(len, known)) > MAX_VALUE_CHARACTERS:
        return None
    return "".join(known) + value[end:]


# ---- node's dotenv: backticks quote, `#` ends an unquoted value, nothing is filled in.
# Source: npm dotenv 18.0.10, `parse` of dist/index.cjs; its one regular expression is the same since 15.0.0.
# Written as steps, since that expression takes the square of a file's length.

# What JavaScript's \s, `.`, ^ and $ (with the flag m) take for white space and for the end of a line.
_SPACE = r"[\t-\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]"
_END = "\n\u2028\u2029"
_SPACES = re.compile(f"{_SPACE}*")
_KEY = re.compile(rf"(?:export{_SPACE}+)?([A-Za-z0-9_.-]+)(?:{_SPACE}*=|:{_SPACE})")
_REST_OF_LINE = re.compile(f"[^{_END}]*")
_UNQUOTED = re.compile(r"[^#\n]*")
_QUOTED = re.compile(rf"(?<![^{_END}])(['\"`])([\s\S]*)\1(?![^{_END}])")
_BETWEEN = re.compile(f"^{_SPACE}+|{_SPACE}+\\Z")


def read_node_dotenv(text: str) -> Reading:
    """The statements of a text; what is no statement is passed over, as dotenv does."""
    text = _with_line_feeds(text)
    lines = _Lines(text)
    found: list[Statement] = []
    at = _after(_SPACES, text, 0)
    while at < len(text):
        key = _KEY.match(text, at)
        end = at
        if key:
            written, end = _node_value(text, key.end())
            last = lines.at(max(end - 1, key.end() - 1))
            found.append(Statement(lines.at(key.start(0)), last, key[1], _meant(written)))
        at = _after(_SPACES, text, _after(_REST_OF_LINE, text, end))
    return Reading(tuple(found))


def _node_value(text: str, start: int) -> tuple[str, int]:
    """The text of a value with its quotes, and the offset behind it."""
    opening = _after(_SPACES, text, start)
    if text[opening : opening + 1] in ("'", '"', "`"):
        for closing in reversed(_closings(text, opening)):
            end = _after(_SPACES, text, closing + 1)
            if end == len(text) or text[end] == "#" or any(sign in _END for sign in text[closing + 1 : end]):
                return text[opening : closing + 1], closing + 1
    end = _after(_UNQUOTED, text, start)
    return text[start:end], end


def _closings(text: str, opening: int) -> list[int]:
    """Where a quote may end: at each escaped quote up to the first that is not escaped, and there."""
    found: list[int] = []
    at = text.find(text[opening], opening + 1)
    while at >= 0:
        found.append(at)
        if text[at - 1] != "\\":
            break
        at = text.find(text[opening], at + 1)
    return found


def _meant(written: str) -> str:
    """A value without its quotes, its escapes resolved where double quotes begin it."""
    value = _BETWEEN.sub("", written)
    meant = _QUOTED.sub(r"\2", value)
    return meant.replace("\\n", "\n").replace("\\r", "\r") if value.startswith('"') else meant


def _after(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


# ---- Next: dotenv's parser, then `$name` is filled in, whatever the quotes.
# Source: npm @next/env 16.4.6, dist/index.js (dotenv 16.3.1, and its copy of dotenv-expand).

# A reference that leads back to itself ends node's stack; Next then leaves the whole file out.
_MAX_STEPS, _MAX_STEPS_IN_ALL = 2_000, 20_000
_REFERENCE = re.compile(r"(?<!\\)\$\{?([A-Za-z0-9_]+)(?::-([^}\\]*))?\}?")


class _Endless(Exception):
    """A value refers to itself."""


def read_next(text: str) -> Reading:
    """The statements of a text; what refers to a variable that is set twice gets the last value."""
    reading = read_node_dotenv(text)
    written = {one.name: one.value or "" for one in reading.statements if one.name is not None}
    held, unknown = dict(written), set[str]()
    steps_left = _MAX_STEPS_IN_ALL
    try:
        for name, value in written.items():
            held[name], others = _expanded(value, held, min(_MAX_STEPS, steps_left))
            steps_left -= len(others)
            if any(other not in held or other in unknown for other in others):
                unknown.add(name)
    except _Endless:
        return Reading(reading.statements, refused=True)
    return Reading(
        tuple(
            replace(one, value=None if one.name in unknown else held[one.name])
            if one.name and one.value == written[one.name]
            else one
            for one in reading.statements
        )
    )


def _expanded(value: str, held: dict[str, str], most: int) -> tuple[str, list[str]]:
    """The value with its references filled in, the last one first, and the names that it refers to."""
    others: list[str] = []
    while len(others) < most and len(value) <= MAX_VALUE_CHARACTERS:
        dollar = value.rfind("$")
        while dollar > 0 and value[dollar - 1] == "\\":
            dollar = value.rfind("$", 0, dollar)
        reference = _REFERENCE.search(value[dollar:]) if dollar >= 0 else None
        if not reference:
            return value.replace("\\$", "$"), others
        name, default = reference.groups()
        others.append(name)
        value = _replaced(value, reference[0], default or held.get(name, ""))
    raise _Endless


def _replaced(value: str, reference: str, other: str) -> str:
    """The value with its first such text replaced as JavaScript's `replace` does, `$&` and its like read."""
    before, _, behind = value.partition(reference)
    meaning = {"$$": "$", "$&": reference, "$`": before, "$'": behind}
    return before + re.sub(r"\$[$&`']", lambda found: meaning[found[0]], other) + behind


# ---- Any other loader: only what none of them can read differently is known.

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SIGNS = r"\w!%&()*+,\-./:;<=>?@\[\]^{|}~"
_PLAIN = re.compile(rf"(?!#)[{_SIGNS}#]*(?: [{_SIGNS}][{_SIGNS}#]*)*")  # no ` #`
_ASSIGNED = re.compile(r"[ \t]*(?:export[ \t]+)?([^=\s]+)[ \t]*=[ \t]*(.*?)[ \t\r]*", re.DOTALL)
_WRAPPED = re.compile(r"(['\"])([^'\"`\\$]*)\1", re.DOTALL)
# What ends compose or docker with an error: then the service gets nothing of the file.
_TAKEN = {
    "compose": re.compile(
        r"\s*(?:#.*|(?:export\s+)?[\w.-]+[ \t]*(?:=(?:(?!\$\{(?![A-Za-z_])).)*)?)?", re.DOTALL
    ),
    "docker": re.compile(r"\s*(?:#.*|[^\s=]+(?:=.*)?)?", re.DOTALL),
}


def _careful(loader: str) -> Callable[[str], Reading]:
    """A reader that knows a value only if it is plain; none behind a quote that is open, or a backslash."""

    def read(text: str) -> Reading:
        written = _with_line_feeds(text).split("\n")
        by_line = loader == "docker"
        base = _line_by_line(written) if by_line else read_python_dotenv(text).statements
        if loader == "systemd":  # `;` begins a comment, and a name with `export` is none
            begins = [written[one.first - 1].lstrip() for one in base]
            kept = zip(base, begins, strict=True)
            base = tuple(one for one, begin in kept if not begin.startswith((";", "export ", "export\t")))
        doubtful = _first_doubt(written, base, loader)
        covered = {
            number
            for one in base
            for number in range(one.first, one.last + 1)
            if one.name is not None and one.last < doubtful
        }
        rest = "\n".join(
            line
            for number, line in enumerate(written, 1)
            if number not in covered and (number >= doubtful or not line.lstrip().startswith("#"))
        )
        inner = {number for one in base for number in range(one.first + 1, one.last + 1)}
        taken = _TAKEN.get(loader)
        refused = taken is not None and not all(
            taken.fullmatch(line) for number, line in enumerate(written, 1) if number not in inner
        )
        found = []
        for one in base:
            own = "\n".join(written[one.first - 1 : one.last])
            # What was not understood may set the same name.
            known = one.last < doubtful and one.name is not None and one.name not in rest
            found.append(replace(one, value=_plain_value(own, loader) if known else None))
        return Reading(tuple(found), refused)

    return read


def _line_by_line(written: list[str]) -> tuple[Statement, ...]:
    pairs = ((number, line.lstrip(), *line.partition("=")) for number, line in enumerate(written, 1))
    return tuple(
        Statement(number, number, name.strip().removeprefix("\ufeff"))
        for number, line, name, equals, _ in pairs
        if equals and name.strip() and not line.startswith("#")
    )


def _first_doubt(written: list[str], statements: tuple[Statement, ...], loader: str) -> int:
    """The first line from which on no loader's line may be another one's."""
    if loader == "docker":
        return len(written) + 1
    multi = {one.first: one for one in statements if one.last > one.first}
    number = 1
    while number <= len(written):
        line, last = written[number - 1], multi[number].last if number in multi else number
        own = "\n".join(written[number - 1 : last])
        found = _ASSIGNED.fullmatch(own)
        closed = last > number and found is not None and _WRAPPED.fullmatch(found[2]) is not None
        comment = line.lstrip().startswith("#")
        odd = not comment and any(line.count(quote) % 2 for quote in "'\"`")
        if line.endswith("\\") or (not closed and (odd or last > number)):
            return number
        number = last + 1
    return number


def _plain_value(own: str, loader: str) -> str | None:
    found = _ASSIGNED.fullmatch(own)
    if not found or not _NAME.fullmatch(found[1]):
        return None
    wrapped = _WRAPPED.fullmatch(found[2])
    as_it_is = not wrapped and own == f"{found[1]}={found[2]}"
    if loader == "docker" and not as_it_is:
        return None
    if wrapped:
        return wrapped[2] if wrapped[2].replace("\n", "").isprintable() else None
    return found[2] if _PLAIN.fullmatch(found[2]) and found[2].isprintable() else None


READERS: Mapping[str, Callable[[str], Reading]] = {
    "python-dotenv": read_python_dotenv,
    "dotenv": read_node_dotenv,
    "next": read_next,
    **{loader: _careful(loader) for loader in CAREFUL},
    # Render's "Add from .env" box. Render says no more of its rules than "the format of a .env file":
    # they are taken to be those of node's dotenv.
    "render": read_node_dotenv,
}


def _with_line_feeds(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


# ---- Which loader.

_MAX_NAMES, _MAX_BYTES = 2_000, 1_048_576  # of a folder, of a neighbour
_NEXT_NAMES = re.compile(rb"(?m)^[ \t]*(?:export[ \t]+)?NEXT_PUBLIC_")
_PYTHON = re.compile(r"requirements[\w.-]*\.txt|pyproject\.toml|setup\.(py|cfg)|Pipfile|manage\.py")
# Their own readers have rules of their own, as has Vite, which puts references in.
_OTHER_LANGUAGE = re.compile(r"composer\.json|Gemfile|go\.mod|Cargo\.toml|pom\.xml|mix\.exs|vite\.config\..+")
_COMPOSE = re.compile(r"(docker-)?compose[\w.-]*\.ya?ml")
_UNIT_FILE = re.compile(r"(?m)^[ \t]*EnvironmentFile[ \t]*=[ \t]*-?(.+)$")
_UNCOMMENTED = re.compile(r"(?m)^[ \t]*#.*$|[^\s\[\],'\"]+")


def loaders_of(root: Path, source: EnvSource, content: bytes) -> tuple[str, ...]:
    """The loader of a file if it is known, else all that are plausible."""
    if source.loader:
        return (source.loader,)
    if source.export:
        return ("render",)
    path = PurePosixPath(source.path)
    found = [*_of_application(root, path.parent, content), *_that_name(root, path)]
    return tuple(dict.fromkeys(found)) or UNDECLARED


def _of_application(root: Path, folder: PurePosixPath, content: bytes) -> Iterator[str]:
    names = _names(root / folder)
    if any(_PYTHON.fullmatch(name) for name in names):
        yield "python-dotenv"
    if _NEXT_NAMES.search(content) or any(name.startswith("next.config.") for name in names):
        yield "next"
    # A package.json may be of a frontend's build alone, and something else reads the env file.
    elif "package.json" in names and not any(_OTHER_LANGUAGE.fullmatch(name) for name in names):
        yield "next" if _depends_on_next(_text(root, folder / "package.json")) else "dotenv"


def _that_name(root: Path, path: PurePosixPath) -> Iterator[str]:
    """The loaders of the compose files and units, beside the file or above it, that name it."""
    for folder in path.parents:
        for name in _names(root / folder):
            text = _text(root, folder / name) if _COMPOSE.fullmatch(name) or name.endswith(".service") else ""
            words = _UNCOMMENTED.findall(text) if "env_file" in text else []
            if any(os.path.normpath(folder / word) == str(path) for word in words):
                yield "compose"
            named = _UNIT_FILE.findall(text) if name.endswith(".service") else []
            if any(PurePosixPath(word.strip().strip("\"'")).name == path.name for word in named):
                yield "systemd"


def _depends_on_next(text: str) -> bool:
    try:
        package = json.loads(text)
    except (ValueError, RecursionError):
        return False
    kinds = ("dependencies", "devDependencies")
    held = [package.get(kind) for kind in kinds] if isinstance(package, dict) else []
    return any(isinstance(names, dict) and "next" in names for names in held)


def _names(folder: Path) -> list[str]:
    """The names in a folder, in order; none of one that cannot be listed, or that holds too many."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for _, entry in zip(range(_MAX_NAMES + 1), entries, strict=False)]
    except OSError:
        return []
    return sorted(names) if len(names) <= _MAX_NAMES else []


def _text(root: Path, path: PurePosixPath) -> str:
    try:
        return read_source(root, str(path), _MAX_BYTES).content.decode("utf-8", "replace")
    except Unreadable:
        return ""

"""How loaders read an env file: python-dotenv, node's, Next and docker exactly; of others, what is plain.

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
from functools import partial
from itertools import accumulate
from pathlib import Path, PurePosixPath

from dotenv.parser import parse_stream
from dotenv.variables import Variable, parse_variables

from audit_lib.base.files import Unreadable, read_source
from audit_lib.settings import EnvSource

# Linux hands no longer string to a process (MAX_ARG_STRLEN): what references make longer is not known.
MAX_VALUE_CHARACTERS = 131_072
UNDECLARED = ("python-dotenv", "dotenv", "next", "compose", "docker", "systemd")


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


def _line_numbers(text: str) -> Callable[[int], int]:
    """Gives the number of the line, from 1, that an offset lies in."""
    return partial(bisect_right, [0, *accumulate(map(len, io.StringIO(text, newline="")))])


def _with_line_feeds(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


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


def _filled_in(value: str, held: Mapping[str, str | None]) -> str | None:
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
# What JavaScript's \s, `.`, ^ and $ (with the flag m) take for white space and for the end of a line.
_S = r"[\t-\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]"
_END = r"\n\u2028\u2029"
_STRING = "|".join(rf"{_S}*+{q}[^{q}]*(?:(?<=\\){q}[^{q}]*)*{q}" for q in "'\"`")
_NODE = re.compile(  # A=1, export A='1' # why, A: 1
    rf"(?<![^{_END}])(?:(?![{_END}]){_S})*+(?P<key>(?:export{_S}+)?(?P<name>[A-Za-z0-9_.-]+)"
    rf"(?:{_S}*=|:{_S}))(?P<value>(?:{_STRING})(?={_S}*(?:#[^{_END}]*)?(?![^{_END}]))|[^#\n]+)?"
    rf"{_S}*(?:#[^{_END}]*)?(?![^{_END}])"
)
_QUOTED = re.compile(rf"(?<![^{_END}])(['\"`])([\s\S]*)\1(?![^{_END}])")
_AROUND = re.compile(f"^{_S}+|{_S}+\\Z")


def read_node_dotenv(text: str) -> Reading:
    """The statements of a text; what is no statement is passed over, as dotenv does."""
    text = _with_line_feeds(text)
    line = _line_numbers(text)
    return Reading(
        tuple(
            Statement(
                line(found.start("key")),
                line(max(found.end("value"), found.end("key")) - 1),
                found["name"],
                _meant(found["value"] or ""),
            )
            for found in _NODE.finditer(text)
        )
    )


def _meant(written: str) -> str:
    """A value without its quotes, its escapes resolved where double quotes begin it."""
    value = _AROUND.sub("", written)
    meant = _QUOTED.sub(r"\2", value)
    return meant.replace("\\n", "\n").replace("\\r", "\r") if value.startswith('"') else meant


# ---- Next: dotenv's parser, then `$name` is filled in, whatever the quotes.
# Source: npm @next/env 16.4.6, dist/index.js (dotenv 16.3.1, and its copy of dotenv-expand).
# A reference that leads back to itself ends node's stack; Next then leaves the whole file out.
_MAX_STEPS, _MAX_STEPS_IN_ALL = 2_000, 20_000
_REFERENCE = re.compile(r"(?<!\\)\$\{?([A-Za-z0-9_]+)(?::-([^}\\]*))?\}?")


class _Endless(Exception):
    """A value refers to itself."""


def read_next(text: str) -> Reading:
    """The statements of a text; what refers to a variable that is set twice gets the last value."""
    statements = read_node_dotenv(text).statements
    written = {str(one.name): one.value or "" for one in statements}
    held, unknown, left = dict(written), set[str](), _MAX_STEPS_IN_ALL
    try:
        for name, value in written.items():
            held[name], others = _expanded(value, held, min(_MAX_STEPS, left))
            left -= len(others)
            if any(other not in held or other in unknown for other in others):
                unknown.add(name)
    except _Endless:
        return Reading(statements, refused=True)
    known = {name: None if name in unknown else value for name, value in held.items()}
    return Reading(
        tuple(
            replace(one, value=known[str(one.name)]) if one.value == written[str(one.name)] else one
            for one in statements
        )
    )


def _expanded(value: str, held: Mapping[str, str], most: int) -> tuple[str, list[str]]:
    """The value with its references filled in, the last one first, and the names that it refers to."""
    others: list[str] = []
    while len(others) < most and len(value) <= MAX_VALUE_CHARACTERS:
        dollar = value.rfind("$")
        while dollar > 0 and value[dollar - 1] == "\\":
            dollar = value.rfind("$", 0, dollar)
        reference = _REFERENCE.search(value[dollar:]) if dollar >= 0 else None
        if not reference:
            return value.replace("\\$", "$"), others
        others.append(reference[1])
        value = _replaced(value, reference[0], reference[2] or held.get(reference[1], ""))
    raise _Endless


def _replaced(value: str, reference: str, other: str) -> str:
    """The value with its first such text replaced as JavaScript's `replace` does, `$&` and its like read."""
    before, _, behind = value.partition(reference)
    meaning = {"$$": "$", "$&": reference, "$`": before, "$'": behind}
    return before + re.sub(r"\$[$&`']", lambda found: meaning[found[0]], other) + behind


# ---- docker run --env-file: each line as it is. Source: docker/cli 28, opts/file.go.


def read_docker(text: str) -> Reading:
    """The statements of a text; a name with a space, or none, refuses the file."""
    found, at, refused, number = [], 0, False, _line_numbers(text)
    for own in text.split("\n"):
        line = own.removeprefix("" if at else "\ufeff").removesuffix("\r").lstrip()
        name, equals, value = line.partition("=")
        if line and not line.startswith("#"):
            refused |= not name or " " in name or "\t" in name
            found += [Statement(number(at), number(at + len(own) - 1), name, value)] if equals else []
        at += len(own) + 1
    return Reading(tuple(found), refused)


# ---- compose, systemd: only what neither can read differently is known.
_SIGNS = r"\w!%&()*+,\-./:;<=>?@\[\]^{|}~"
_PLAIN = re.compile(  # A=1, export A='1', A="1<line end>2"
    r"[ \t]*(?P<export>export[ \t]+)?(?P<name>[A-Za-z_]\w*)[ \t]*=[ \t]*"
    r"(?:(?P<quote>['\"])(?P<quoted>[^'\"`\\$]*)(?P=quote)"
    rf"|(?P<plain>(?:(?!#)[{_SIGNS}#]+(?: [{_SIGNS}][{_SIGNS}#]*)*)?))[ \t]*(?=\n|\Z)"
)
_ASSIGNED = re.compile(r"\ufeff?[ \t]*(?:export[ \t]+)?([\w.-]+)[ \t]*=[ \t]*(.*)")
_CLOSED = re.compile(r"(['\"])(?:(?!\1)[^\\])*\1[ \t]*")
_BAD_REFERENCE = re.compile(r"\$\{(?![A-Za-z_]\w*(?:[:?+-][^}$]*)?\})")


def _read_carefully(text: str, *, compose: bool) -> Reading:
    """The statements of a text; behind a quote that is open, or a backslash, nothing is known.

    Compose refuses a file with a line that is no statement. To systemd `;` begins a comment, and a name with
    `export` is none.
    """
    text = _with_line_feeds(text)
    found: list[Statement] = []
    line, at, is_open, refused = _line_numbers(text), 0, False, False
    while at < len(text):
        end = text.find("\n", at) if text.find("\n", at) >= 0 else len(text)
        first, own = line(at), text[at:end]
        if plain := _PLAIN.match(text, at):
            end = plain.end()
            value = plain["plain"] if plain["quoted"] is None else plain["quoted"]
            known = not is_open and value.replace("\n", "").isprintable()
            one = Statement(first, line(max(end - 1, at)), plain["name"], value if known else None)
            found += [one] if compose or not plain["export"] else []
        elif own.strip() and own.lstrip()[0] not in ("#" if compose else "#;"):
            assigned = _ASSIGNED.fullmatch(own)
            name, value = assigned.groups() if assigned else ("", "")
            found += [Statement(first, first, name)] if name else []
            refused |= bool(_BAD_REFERENCE.search(value)) or not (name or own.strip().isidentifier())
            is_open |= value.startswith(("'", '"')) and not _CLOSED.fullmatch(value)
        is_open |= own.endswith("\\")
        at = end + 1
    if compose and is_open:  # it may refuse the file
        found = [replace(one, value=None) for one in found]
    return Reading(tuple(found), refused=compose and refused)


READERS: Mapping[str, Callable[[str], Reading]] = {
    "python-dotenv": read_python_dotenv,
    "dotenv": read_node_dotenv,
    "next": read_next,
    "compose": partial(_read_carefully, compose=True),
    "docker": read_docker,
    "systemd": partial(_read_carefully, compose=False),
    # Render's "Add from .env" box. Render says no more of its rules than "the format of a .env file":
    # they are taken to be those of node's dotenv.
    "render": read_node_dotenv,
}


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
    if source.loader or source.export:
        return (source.loader or "render",)
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
            is_unit, is_compose = name.endswith(".service"), _COMPOSE.fullmatch(name) is not None
            text = _text(root, folder / name) if is_unit or is_compose else ""
            words = _UNCOMMENTED.findall(text) if is_compose and "env_file" in text else []
            if any(os.path.normpath(folder / word) == str(path) for word in words):
                yield "compose"
            named = (PurePosixPath(word.strip("\"' \t")).name for word in _UNIT_FILE.findall(text))
            if is_unit and path.name in named:
                yield "systemd"


def _depends_on_next(text: str) -> bool:
    try:
        package = json.loads(text)
        return any("next" in package.get(kind, ()) for kind in ("dependencies", "devDependencies"))
    except (ValueError, RecursionError, AttributeError, TypeError):
        return False


def _names(folder: Path) -> list[str]:
    """The names in a folder, in order; none of one that cannot be listed, or that holds too many."""
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError:
        return []
    return names if len(names) <= _MAX_NAMES else []


def _text(root: Path, path: PurePosixPath) -> str:
    try:
        return read_source(root, str(path), _MAX_BYTES).content.decode("utf-8", "replace")
    except Unreadable:
        return ""

"""How loaders read an env file: python-dotenv, node's, Next and docker exactly; of others, what is plain.
The environment of the process is assumed to hold none of the names that the file sets. A service's loader is
declared, or named by the file's neighbours: if these name several, or none, all that are plausible count.
"""

import io
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from glob import escape
from itertools import accumulate
from pathlib import Path, PurePosixPath

from dotenv.parser import parse_stream
from dotenv.variables import Variable, parse_variables

from audit_lib.base.files import Unreadable, log_paths, read_source
from audit_lib.settings import EnvSource

MAX_VALUE_CHARACTERS = 131_072  # Linux hands no longer string to a process (MAX_ARG_STRLEN)
UNDECLARED = ("python-dotenv", "dotenv", "next", "compose", "docker", "systemd")
YAML, WHOLE = BY_HAND = ("yaml",), ("file",)  # not read by lines: sources.py does; no command writes them
is_yaml, is_json = (re.compile(rf"(?s).*\.{it}(?:[.~-][^/]*)?").fullmatch for it in ("ya?ml", "json"))
is_compose = re.compile(r"(?:.*/)?(?:docker-)?compose[\w.-]*\.ya?ml").fullmatch


@dataclass(frozen=True)
class Statement:
    """The lines, counted from 1, that set one variable; the value is None if it is not known."""

    first: int
    last: int
    name: str
    value: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Reading:
    """The statements of one file in order; of a refused file the service gets no variable at all."""

    statements: tuple[Statement, ...]
    refused: bool = False


def _statements(text: str, found: Iterable[tuple[int, int, str, str | None]]) -> tuple[Statement, ...]:
    starts = [0, *accumulate(map(len, io.StringIO(text, newline="")))]
    return tuple(
        Statement(bisect_right(starts, first), bisect_right(starts, last), name, value)
        for first, last, name, value in found
    )


# ---- python-dotenv 1.2, `load_dotenv()`, with its own parser; `${NAME}` is filled in (resolve_variables).


def read_python_dotenv(text: str) -> Reading:
    """The statements of a text. A name without an equals sign sets nothing, and undoes what did before."""
    held, found = dict[str, str | None](), list[Statement]()
    for binding in parse_stream(io.StringIO(re.sub(r"\r\n?", "\n", text))):
        whole, name = binding.original.string, binding.key
        first = binding.original.line + whole.removesuffix(own := whole.lstrip()).count("\n")
        if name is not None and binding.value is not None:
            held[name] = _filled_in(binding.value, held)
            found.append(Statement(first, first + own.rstrip("\n").count("\n"), name, held[name]))
        else:
            held.pop(name or "", None)
    return Reading(tuple(one for one in found if one.name in held))


def _filled_in(value: str, held: Mapping[str, str | None]) -> str | None:
    end = value.rfind("}") + 1  # behind it none ends, and looking for one takes the square of the length
    atoms = parse_variables(value[:end])
    parts = [held.get(one.name) if isinstance(one, Variable) else one.resolve({}) for one in atoms]
    known = [*filter(None, parts), value[end:]]
    return None if None in parts or sum(map(len, known)) > MAX_VALUE_CHARACTERS else "".join(known)


# ---- node's dotenv: backticks quote, `#` ends an unquoted value, nothing is filled in.
# Source: npm dotenv 18.0.10, `parse` of dist/index.cjs, since 15.0.0; \s, `.`, ^ and $ are JavaScript's.
_SPACES = "\t\n\x0b\x0c\r \xa0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(
    map(chr, range(0x2000, 0x200B))
)
_S, _END = f"[{_SPACES}]", r"\n\u2028\u2029"
_STRING = "|".join(rf"{_S}*+{q}[^{q}]*(?:(?<=\\){q}[^{q}]*)*{q}" for q in "'\"`")
_NODE = re.compile(  # A=1, export A='1' # why, A: 1
    rf"(?<![^{_END}])(?:(?![{_END}]){_S})*+(?P<key>(?:export{_S}+)?(?P<name>[A-Za-z0-9_.-]+)"
    rf"(?:{_S}*=|:{_S}))(?P<value>(?:{_STRING})(?={_S}*(?:#[^{_END}]*)?(?![^{_END}]))|[^#\n]+)?"
    rf"{_S}*(?:#[^{_END}]*)?(?![^{_END}])"
)
_QUOTED = re.compile(rf"(?<![^{_END}])(['\"`])([\s\S]*)\1(?![^{_END}])")


def read_node_dotenv(text: str) -> Reading:
    """The statements of a text; what is no statement is passed over, as dotenv does."""
    text = re.sub(r"\r\n?", "\n", text)
    found = (
        (one.start("key"), max(one.end("value"), one.end("key")) - 1, one["name"], _unquoted(one["value"]))
        for one in _NODE.finditer(text)
    )
    return Reading(_statements(text, found))


def _unquoted(written: str | None) -> str:
    written = (written or "").strip(_SPACES)
    value = _QUOTED.sub(r"\2", written)
    return value.replace("\\n", "\n").replace("\\r", "\r") if written.startswith('"') else value


# ---- Next: dotenv's parser, then `$name` is filled in, whatever the quotes. Source: npm @next/env 16.4.6.
_MAX_REFERENCES = 2_000  # of a file
_REFERENCE = re.compile(  # ${A:-x}: the one that begins at the last dollar sign that no backslash escapes
    r"(?s)(?>.*\$(?<!\\\$))(?P<rest>\{?(?P<name>[A-Za-z0-9_]+)(?::-(?P<default>[^}\\]*))?\}?)"
)
_OF_REPLACE = re.compile(r"(\$[$&`'])")  # what JavaScript's `replace` reads in a replacement
_NOT_SET = "\0"  # stands for what the file does not set: no value holds it


def read_next(text: str) -> Reading:
    """The statements of a text; what refers to a variable that is set twice gets the last value.
    A reference that leads back to itself ends node's stack: Next then leaves the whole file out.
    """
    statements = read_node_dotenv(text).statements
    written = {one.name: one.value or "" for one in statements}
    held, left = dict(written), _MAX_REFERENCES
    for name, first in written.items():
        value = first
        while found := _REFERENCE.match(value):
            other = found["default"] or held.get(found["name"], "")
            # The first text that is like the reference is replaced, and not always the reference itself.
            before, whole, behind = value.partition(f"${found['rest']}")
            meaning = {"$$": "$", "$&": whole, "$`": before, "$'": behind}
            parts = [before, *(meaning.get(part, part) for part in _OF_REPLACE.split(other)), behind]
            left -= 1
            if left < 0 or sum(map(len, parts)) > MAX_VALUE_CHARACTERS:
                return Reading(statements, refused=True)
            value = "".join((*parts, "" if found["name"] in held else _NOT_SET))
        held[name] = value.replace("\\$", "$")
    known = ((it, held[it.name] if it.value == written[it.name] else it.value or "") for it in statements)
    return Reading(tuple(replace(one, value=None if _NOT_SET in value else value) for one, value in known))


# ---- docker run --env-file: each line as it is. Source: docker/cli 28, opts/file.go.
_DOCKER = re.compile(r"(?m)^[^\S\n]*+(?![#\n]|\Z)(?P<name>[^=\n]*?)(?:=(?P<value>.*?))?\r?$")


def read_docker(text: str) -> Reading:
    """The statements of a text; a name with a space, or none, refuses the file."""
    text = text.removeprefix("\ufeff")
    lines = [(one.start(), one.end() - 1, one["name"], one["value"]) for one in _DOCKER.finditer(text)]
    refused = any(not name or " " in name or "\t" in name for _, _, name, _ in lines)
    return Reading(_statements(text, (line for line in lines if line[-1] is not None)), refused)


# ---- compose, systemd: a value is known only if it is written so that no version reads it differently.
_LINE = re.compile(  # A=1, export A='1', A="1<line end>2" are plain; else what is written, if anything is set
    r"\ufeff?[ \t]*(?P<export>export[ \t]+)?(?P<name>[\w.-]+)[ \t]*=[ \t]*"
    r"(?:(?:(?P<quote>(?P<one>')|\")(?P<quoted>(?:[^'\"`\\$]|\\n|(?(one)\$(?!\{)|(?!)))*+)(?P=quote)|"
    r"(?P<bare>(?:[^\s'\"`\\$#]++#*+| (?=[^\s#]))*+))[ \t]*\n|(?P<written>.*)\n)|.*\n"
)
_OPEN = re.compile(r"(['\"])(?!(?:(?!\1)[^\\]|\\(?!\1|\\|$))*\1[ \t]*$)")  # or closed by an escape, perhaps
_BAD_REFERENCE = re.compile(r"\$\{(?![A-Za-z_]\w*(?:[:?+-][^}$]*)?\})")


def _read_plainly(text: str, *, compose: bool) -> Reading:
    """The statements of a text; an open quote, a lone carriage return or a backslash at a line's end leaves
    the whole file unknown, and carriage returns within quotes a value. Compose refuses a file with a line
    that is no statement. To systemd `;` begins a comment, and a name with `export` is none."""
    ends, text = {*re.findall(r"\r\n?", text)}, re.sub(r"\r\n?", "\n", text) + "\n"
    in_doubt, refused = "\r" in ends or re.search(r"\\\s*\n", text) is not None, False
    found: list[tuple[int, int, str, str | None]] = []
    for line in _LINE.finditer(text):
        own, name, written = line[0].strip(), line["name"], line["written"] or ""
        if own and not own.startswith("#" if compose else ("#", ";")):
            in_doubt |= _OPEN.match((written or own.partition("=")[2]).lstrip()) is not None
            refused |= not (name or own.isidentifier()) or _BAD_REFERENCE.search(written) is not None
            if name and (compose or not line["export"] or line["written"]):
                value = line["quoted"] or line["bare"] or ""
                value = value.replace("\\n", "\n") if compose and line["quote"] == '"' else value
                is_clean = f"{own[0]}{value}".replace("" if ends else "\n", "").isprintable()
                is_plain = is_clean and line["written"] is None and name.isidentifier() and "\\" not in value
                found.append((line.start(), line.end() - 1, name, value if is_plain else None))
    known = ((*one[:-1], None if in_doubt else one[-1]) for one in found)
    return Reading(_statements(text, known), refused=compose and refused)


READERS: Mapping[str, Callable[[str], Reading]] = {
    "python-dotenv": read_python_dotenv,
    "dotenv": read_node_dotenv,
    "next": read_next,
    "docker": read_docker,
    "compose": partial(_read_plainly, compose=True),
    "systemd": partial(_read_plainly, compose=False),
    "render": read_node_dotenv,  # of its "Add from .env" box no rules are documented: taken to be node's
}


_MAX_NEIGHBOURS, _MAX_BYTES = 100, 1_048_576  # of a kind, of each
_PYTHON = re.compile(r"requirements[\w.-]*\.txt|pyproject\.toml|setup\.(py|cfg)|Pipfile|manage\.py")
_OTHERS = re.compile(r"composer\.json|Gemfile|go\.mod|Cargo\.toml|pom\.xml|mix\.exs|vite\.config\..+")
_NEXT_NAMES = re.compile(rb"(?m)^[ \t]*(?:export[ \t]+)?NEXT_PUBLIC_")
_NEXT_PACKAGE = re.compile(r'"(?:devD|d)ependencies"\s*:\s*\{[^{}]*"next"\s*:')
_EXPANDS = re.compile(r'"(?:@prisma/client|prisma|dotenv-expand|dotenv-cli)"\s*:')  # as Next does
_NAMING = (  # a line, but no comment: env_file: ['web/.env'], EnvironmentFile=-/srv/app/.env (its last part)
    r"(?m)^(?![ \t]*#)(?:.*[\s\[\],'\"=]-?)?"
    r"(?:(?:\./)?{path}|/(?:[^\s\[\],'\"=]*/)?{last})(?:[\s\[\],'\"].*)?$|{more}"
)


def loaders_of(root: Path, source: EnvSource, content: bytes) -> tuple[str, ...]:
    """The loader of a file if it is known, else all that are plausible: UNDECLARED if no neighbour tells.
    Known is what `source` declares. Neighbours are files of Python, node and Next in its folder, and there or
    in folders above it files of compose and systemd that name it; names with NEXT_PUBLIC_ tell of Next."""
    in_yaml = is_yaml(source.path) or (is_json(source.path) and not source.export)  # JSON is YAML
    if source.loader or source.export or in_yaml:
        return YAML if in_yaml and source.loader in ("", "compose") else tuple(filter(None, [source.loader]))
    path = PurePosixPath(source.path)
    names = [PurePosixPath(name).name for name in log_paths(root, f"{escape(str(path.parent))}/*")]
    # A package.json may be of a frontend's build alone, and something else reads the env file.
    package = "" if any(map(_OTHERS.fullmatch, names)) else _text(root, f"{path.parent}/package.json")
    is_next = bool(_NEXT_NAMES.search(content) or _NEXT_PACKAGE.search(package))
    is_next |= any(name.startswith("next.config.") for name in names)
    speaks = {
        "python-dotenv": any(map(_PYTHON.fullmatch, names)),
        "next": is_next or _EXPANDS.search(package),
        "dotenv": package and not is_next,
        "compose": is_named(root, path, "compose*.y*ml", "docker-compose*.y*ml"),
        "systemd": is_named(root, path, "*.service"),
    }
    # Docker hands quotes on: they are not meant around a number, or in what compose beside the file fills in.
    composed = [one for one in names if path.name == ".env" and is_compose(one)]
    texts = "".join(_text(root, f"{path.parent}/{name}") for name in composed[:_MAX_NEIGHBOURS])
    quoted = {*re.findall(r"(?m)^(?:export )?(\w+)=['\"]", content.decode("utf-8", "replace"))}
    unmeant = quoted & {*re.findall(r"\$\{?(\w+)", texts)} or re.search(rb"=(['\"])\d+\1", content)
    return tuple(filter(speaks.get, speaks)) or tuple(x for x in UNDECLARED if x != "docker" or not unmeant)


def is_named(root: Path, path: PurePosixPath, *globs: str, more: str = "(?!)") -> bool:
    """Whether a file that a glob finds, in an env file's folder or above it, names it or has `more`."""
    return any(
        re.search(_NAMING.format(path=re.escape(str(path.relative_to(folder))), **said), _text(root, one))
        for said in ({"last": re.escape(path.name), "more": more},)
        for folder in path.parents
        for glob in globs
        for one in log_paths(root, f"{escape(str(folder))}/{glob}")[:_MAX_NEIGHBOURS]
    )


def _text(root: Path, path: str) -> str:
    with suppress(Unreadable):
        return read_source(root, path, _MAX_BYTES).content.decode("utf-8", "replace")
    return ""

"""The variables of a project: where its files read, hold or set each, what it is likely to be; no value."""

import ast
import os
import re
import tomllib
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from io import StringIO
from itertools import chain, groupby, product
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from dotenv.parser import parse_stream

from audit_lib.base.bounded import matches_glob
from audit_lib.base.errors import Fault
from audit_lib.base.files import Unreadable, read_source
from audit_lib.secrecy import strength
from audit_lib.settings.models import Policy, Project

MAX_DEPTH, MAX_ENTRIES, MAX_CODE_FILES = 24, 50_000, 5_000  # of folders; files and folders; read files
MAX_BYTES, MAX_BYTES_IN_ALL = 1_000_000, 128_000_000  # of a file, and of all
_DATA = tomllib.loads(Path(__file__).with_name("variables.toml").read_text("utf-8"))
_FAMILIES = tuple(frozenset(words.split()) for words in _DATA["words"].pop("families"))
_WORDS = {key: frozenset(text.split()) for key, text in _DATA["words"].items()}
_PATTERNS, *_LANGUAGES = (  # expressions, compiled when first used: most commands read no code
    dict.fromkeys(("demand", "default", "setting", "length", "unnamed"), "(?!)")
    | {key: text.replace("\n", "").replace("NAME", _DATA["NAME"]) for key, text in table.items()}
    for table in (_DATA["patterns"], *_DATA["language"])
)
NOT_CONFIGURED = _WORDS["not_configured"]
is_of_tests = re.compile(_PATTERNS["test"]).search  # of a path
_CONDITIONAL = (  # in these a read may not run, although its file does
    ast.If, ast.IfExp, ast.BoolOp, ast.Try, ast.TryStar, ast.Match, ast.For, ast.AsyncFor, ast.While,
    ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp,
    ast.GeneratorExp,
)  # fmt: skip
_FORMS = {  # what a value can be: the first that holds, else text, which may be either
    "no value": strength.is_no_value,
    "URL with password": strength.has_password,
    "generated": strength.looks_generated,
    "plain": strength.is_plain,
}


class Mention(NamedTuple):
    """One place that names a variable. `needed`: code fails without a value, or an example has a line for it;
    `optional`: there is a default, or the example has it without a value or in a comment."""

    name: str
    path: str
    line: int
    needed: bool
    optional: bool
    form: str = ""  # of the value that an env file gives it; `setting` if code says that it is no secret
    length: tuple[int, bool] = (0, False)  # that code demands of it, at least or exactly


def shape_by(ask: Callable[[Callable[[str], bool]], bool]) -> str:
    """The form of a value that is known only by the answers to questions about it."""
    return next((form for form, question in _FORMS.items() if ask(question)), "text")


def form_of(value: str) -> str:
    """The form of a value that may be seen here."""
    return shape_by(lambda question: question(value))


def likely_kind(
    name: str, forms: Iterable[str], policy: Policy, beside: Collection[str] = ()
) -> tuple[str, str]:
    """Kind (secret, identifier or setting) and component of a variable, by its name and its values' forms; by
    the names `beside` it, too: what has the secret of an access key there is the key's id.

    The component is `password` for a URL with a password, and by the name of a store's URL, else `whole`.
    Where every value is `plain`, only a name that is surely a secret's makes a secret. The form `setting` is
    code's: a switch, a number or a choice; then only a generated value makes a secret."""
    seen, name = {*forms} - {"", "no value"}, re.sub("[.-]|(?<=[a-z])(?=[A-Z])", "_", name)
    if "URL with password" in seen:
        return "secret", "password"
    is_none = "generated" not in seen and ("setting" in seen or _matches(name, _WORDS["named"]))
    if is_none or _matches(name, policy.public_names) or _matches(name, _WORDS["not_secret"]):
        return "setting", "whole"
    pair = re.fullmatch(_PATTERNS["key_id"], name)
    if pair and "generated" not in seen and any(pair[1] + end in beside for end in _WORDS["key_secrets"]):
        return "identifier", "whole"
    parts = set(name.upper().replace("API_KEY", "APIKEY").split("_"))
    named, only_plain = _matches(name, policy.secret_names), seen == {"plain"}
    if _matches(name, policy.secret_url_names) and not named:
        # A connection string that is no store's holds its key as one of several fields, as Azure's does.
        store, fields = _WORDS["stores"] & parts, {"CONNECTION", "STRING"} <= parts
        held = "generated" in seen or ((store or fields) and not only_plain)
        return ("secret" if held else "setting"), ("password" if held and store else "whole")
    is_secret = named and (_WORDS["sure"] & parts or not only_plain)
    other = "identifier" if _matches(name, _WORDS["identifiers"]) else ""
    return "secret" if is_secret else other or ("secret" if "generated" in seen else "setting"), "whole"


def is_issued(name: str, application: str) -> bool:
    """Whether a secret's name says that a provider issues it, as OPENAI_API_KEY and SENTRY_AUTH_TOKEN do."""
    found = re.fullmatch(_PATTERNS["issued"], name.upper())
    own = _WORDS["no_provider"] | set(re.findall(r"[A-Z0-9]+", application.upper()))
    return found is not None and not own.issuperset(found[found.lastindex or 0].split("_"))


def of_one_store(one: str, other: str) -> bool:
    """Whether two names are of one kind of store: POSTGRES_PASSWORD and DATABASE_URL are."""
    first, second = set(one.upper().split("_")), set(other.upper().split("_"))
    return any(first & family and second & family for family in _FAMILIES)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return matches_glob(re.sub(r"_?\d{1,9}$", "", name) or name, patterns)


def files(root: Path, left_out: list[Fault]) -> list[PurePosixPath]:
    """Every file and link to one below a folder, sorted, but this tool's reports; notes what is left out."""
    found, unlisted, entries = list[PurePosixPath](), list[OSError](), 0
    for folder, folders, names in os.walk(root, onerror=unlisted.append):
        at = PurePosixPath(os.path.relpath(folder, root))
        is_report = "MANIFEST.json" in names and not {"report.html", "incident.html"}.isdisjoint(names)
        found += [at / name for name in sorted(names) if not is_report][: MAX_ENTRIES - entries]
        entries += len(folders) + len(names)
        if entries > MAX_ENTRIES:
            beyond = f"left out all after the first {MAX_ENTRIES:,} files and folders"
            left_out.append(Fault("discovery", beyond))
            break
        deep = f"is deeper than {MAX_DEPTH} folders" if len(at.parts) >= MAX_DEPTH else ""
        reasons = dict.fromkeys(sorted({*folders} - _WORDS["skipped_folders"]), deep)
        links = [name for name in sorted(folders) if Path(folder, name).is_symlink()]
        reasons |= dict.fromkeys(links, "is a symbolic link, which is not followed")
        left_out += [Fault(f"{shown(at / name)}/", reason) for name, reason in reasons.items() if reason]
        folders[:] = [name for name, reason in reasons.items() if not reason]
    left_out += [
        Fault(f"{shown(os.path.relpath(error.filename, root))}/", f"cannot be read ({type(error).__name__})")
        for error in unlisted
    ]
    return sorted(found)


def shown(path: PurePosixPath | str) -> str:
    """A path for a person to read on one line, whatever characters are in it."""
    return str(path) if str(path).isprintable() else ascii(str(path))


def texts(project: Project, paths: Iterable[str], faults: list[Fault]) -> Iterator[tuple[str, str]]:
    """Each path with the text of its file, bounded in all; what cannot be read is among the faults."""
    left = MAX_BYTES_IN_ALL
    for path in paths:
        try:
            content = read_source(project.root, path, min(MAX_BYTES, left)).content
        except Unreadable as error:
            faults.append(Fault(shown(path), error.reason))
        else:
            left -= len(content)
            yield path, content.decode("utf-8-sig", "replace")


def is_deployment(path: PurePosixPath) -> bool:
    """Whether a file's name says that it describes containers or a platform's services."""
    return re.fullmatch(_PATTERNS["deployment"], path.name) is not None


def languages_of(path: PurePosixPath) -> list[dict[str, str]]:
    """The patterns by which a file of this name reads its environment; none of a file that is no code."""
    kinds = ("deployment", "configuration", "built")
    kind = next((one for one in kinds if re.fullmatch(_PATTERNS[one], str(path))), path.suffix)
    return [language for language in _LANGUAGES if kind in language["suffixes"].split()]


def in_env_text(text: str, path: str, *, example: bool) -> Iterator[Mention]:
    """The variables of an env file, of an example also those that are in a comment.
    A stray line of a multi-line value or a file's only line must not pass for a name: it may be a secret."""
    for binding in parse_stream(StringIO(text)):
        (whole, line), name, value = binding.original, binding.key, binding.value
        own = name and value is not None and set(value) != {"="} and not strength.could_be_a_piece(name)
        if name and own and re.fullmatch(_PATTERNS["one_case"], name):
            empty = (form := form_of(value or "")) == "no value" and example
            yield Mention(name, path, line + whole.count("\n", 0, whole.index(name)), not empty, empty, form)
        elif example and name is None and not binding.error:
            for found in re.finditer(_PATTERNS["commented"], whole):
                number = line + whole.count("\n", 0, found.start(1))
                yield Mention(found[1], path, number, needed=False, optional=True)


def in_code(text: str, path: str, faults: list[Fault]) -> Iterator[Mention]:
    """The variables that a code or deployment file reads from its environment; notes Python that is none."""
    conditional, fields = set[int](), list[Mention]()
    if path.endswith(".py"):
        try:
            with warnings.catch_warnings(action="ignore"):
                tree = ast.parse(text)
            fields += _settings_fields(tree, text, path) if "BaseSettings" in text else ()
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            tree, conditional = ast.Module([], []), {*range(text.count("\n") + 2)}
            faults.append(Fault(shown(path), "is not Python that can be parsed"))
        yield from fields
        blocks = (node for node in ast.walk(tree) if isinstance(node, _CONDITIONAL))
        conditional.update(*(range(node.lineno, (node.end_lineno or 0) + 1) for node in blocks))
    for language, found, line in _matches_in(text, path, "named"):
        group, patterns = found.lastindex or 0, (re.compile(language[key]) for key in ("demand", "default"))
        demanded, optional = (bool(one.match(found.string, found.end(group))) for one in patterns)
        form = "setting" if re.compile(language["setting"]).match(found.string, found.start()) else ""
        needed = demanded and not optional and line not in conditional
        sized = re.compile(language["length"]).match(found.string, found.start()) or (0, 0, 0)
        yield Mention(
            found[group], path, line, needed, optional, form, (int(sized[1] or sized[2]), bool(sized[1]))
        )


def _matches_in(text: str, path: str, key: str) -> Iterator[tuple[dict[str, str], re.Match[str], int]]:
    text = re.sub(_PATTERNS["destructured"], _spelt_out, text)
    for language in languages_of(PurePosixPath(path)):
        line, counted = 1, 0  # from match to match: a line of a megabyte may hold 100,000
        code = re.sub(language["comment"], "", text) if "comment" in language else text
        for found in re.finditer(language[key], code) if re.search(language.get("if", ""), code) else ():
            at = found.start(found.lastindex or 0)
            line, counted = line + code.count("\n", counted, at), at
            yield language, found, line


def _spelt_out(found: re.Match[str]) -> str:
    """`{ A, B: b = 1, ...rest } = process.env` as reads of A, of B with a default, and of all."""
    parts = (re.match(_PATTERNS["part"], part) for part in (found[1] or found[2]).split(","))
    reads = [f"process.env.{part[1]} {'??' if part[2] else ','}" for part in parts if part]
    return " ".join([*reads, "process.env"] if "..." in found[0] else reads) + "\n" * found[0].count("\n")


def _settings_fields(tree: ast.AST, text: str, path: str) -> Iterator[Mention]:
    laid = re.findall(r"\b\w++(?=\s*=)", " ".join(re.findall(_PATTERNS["makes"], text)))
    settings, by_code = {"BaseSettings"}, {*laid, *re.findall(_PATTERNS["given"], text)}
    for made in (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
        if settings.isdisjoint(ast.unparse(base).rpartition(".")[2] for base in made.bases):
            continue
        settings.add(made.name)
        prefix = re.search(_PATTERNS["prefix"], ast.unparse(made))
        for field in (field for field in made.body if isinstance(field, ast.AnnAssign)):
            name = ast.unparse(field.target)
            given = ast.unparse(field.value) if field.value else "default" if name in by_code else ""
            if not name.startswith(("_", "model_")):
                alias = re.search(_PATTERNS["alias"], given)
                optional = bool(given) and ("default" in given or not re.match(r"\w+\(", given))
                own = ((prefix[1] if prefix else "") + name).upper()
                form = "setting" if re.fullmatch(_PATTERNS["switch"], ast.unparse(field.annotation)) else ""
                yield Mention(alias[1] if alias else own, path, field.lineno, not given, optional, form)


class CodeRead(NamedTuple):
    """What a project's code reads from its environment, and what of it is not known."""

    variables: Mapping[str, tuple[Mention, ...]]
    files: int = 0
    dynamic: tuple[str, ...] = ()  # the lines of reads that name no variable
    unread: tuple[Fault, ...] = ()  # what could not be read or understood
    deployments: tuple[str, ...] = ()  # the files that describe containers or a platform's services


def read_code(project: Project, among: Collection[str] = ()) -> CodeRead:
    """What is read in the first 5,000 code files; with `among` in those that have one of these names.

    Folders of builds, tools, examples and documents are left aside. `unread` names what was not searched,
    what cannot be read or understood, and files in languages whose reads are not known.
    """
    unread, found, dynamic = list[Fault](), list[Mention](), list[str]()
    there = files(project.root, unread)
    own = [path for path in there if not re.search(_PATTERNS["aside"], str(path))]
    paths = [str(path) for path in own if languages_of(path)]
    for path, text in texts(project, paths[:MAX_CODE_FILES], unread):
        if not among or any(name in text for name in among):
            found += in_code(text, path, unread)
            lines = {line for _, _, line in _matches_in(text, path, "unnamed")}
            dynamic += [f"{shown(path)}:{line}" for line in sorted(lines)]
    others = (str(path) for path in there if path.suffix.lower() in _WORDS["other_languages"])
    reasons = dict.fromkeys(paths[MAX_CODE_FILES:], "is beyond the number of files that are read")
    reasons |= dict.fromkeys(others, "is in a language whose reads are not known")
    unread += [Fault(shown(path), reason) for path, reason in reasons.items()]
    deployments = tuple(map(str, filter(is_deployment, own)))
    return CodeRead(_by_name(found), len(paths), tuple(dynamic), tuple(unread), deployments)


def env_variables(project: Project) -> dict[str, tuple[Mention, ...]]:
    """Name: where the project's env files and examples have it."""
    examples = {one.path: one.example for one in project.env_sources}  # coverage names what cannot be read
    read = (in_env_text(text, path, example=examples[path]) for path, text in texts(project, examples, []))
    return _by_name(chain.from_iterable(read))


def _by_name(mentions: Iterable[Mention]) -> dict[str, tuple[Mention, ...]]:
    return {name: tuple(places) for name, places in groupby(sorted({*mentions}), lambda one: one.name)}


def named_in(
    project: Project, names: Collection[str], leave_out: Collection[str]
) -> tuple[dict[str, str], dict[str, str], list[Fault]]:
    """Where the files that are no documents have each name as a word, where they set it, as compose files and
    scripts do, and what was not read; `leave_out` are globs of paths that are not searched."""
    unread, found = list[Fault](), {"word": dict[str, str](), "set": dict[str, str]()}
    there = [path for path in files(project.root, unread) if path.suffix.lower() not in _WORDS["documents"]]
    there.sort(key=lambda path: len(path.name) if is_deployment(path) else 99)  # `compose.yml` before all
    paths = (str(path) for path in there if not any(fnmatchcase(str(path), glob) for glob in leave_out))
    for path, text in texts(project, paths, unread):
        # `NAME =` is in code a variable of its own; in a script it may be exported.
        file, words = PurePosixPath(path), set(re.findall(r"\w+", text))
        assigns = languages_of(file) and file.suffix not in (".sh", ".yaml", ".yml")
        for key, name in product(("word",) if assigns else ("word", "set"), names):
            sought = words.issuperset(re.findall(r"\w+", name)) and name not in found[key]
            if sought and (match := re.search(_DATA["of"][key].replace("NAME", name), text)):
                found[key][name] = f"{shown(path)}:{text.count(chr(10), 0, match.end()) + 1}"
    return found["word"], found["set"], unread


def asked_of_owner(project: Project, code: CodeRead) -> dict[str, list[Mention]]:
    """Name: where code reads it, else where a compose file sets it, since code may read by a prefix; no place
    of the tests, and none that the machine or the build sets."""
    held = (
        Mention(found[1], path, text.count("\n", 0, found.end()) + 1, needed=False, optional=True)
        for path, text in texts(project, code.deployments, [])
        for found in re.finditer(_PATTERNS["composed"], text)
    )
    places = {**_by_name(held), **code.variables}
    return {one: [it for it in places[one] if not is_of_tests(it.path)] for one in {*places} - NOT_CONFIGURED}

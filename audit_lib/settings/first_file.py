"""The text of a first audit.toml: what was found, and guesses marked as guesses; never a value.

A variable is guessed to be required only if the application's own code fails without it.
"""

import os
import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from io import StringIO
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from dotenv.parser import parse_stream

from audit_lib.base.errors import BadInput
from audit_lib.base.in_words import few
from audit_lib.settings.code_reads import Mention, code_variables, env_variables, is_of_tests, text_of
from audit_lib.settings.discover import file_words, served_folder, service_of
from audit_lib.settings.fields import ENVIRONMENTS, path_fault
from audit_lib.settings.kinds import is_issued, likely_kind, shape_by
from audit_lib.settings.models import EnvSource, Policy, Project

SHOWN_PLACES = 3
_TEXTS = tomllib.loads(Path(__file__).with_name("first_audit.toml").read_text("utf-8"))


class Guess(NamedTuple):
    """What one variable seems to be; `places` say where its name was seen."""

    name: str
    service: str
    kind: str
    component: str
    required: str
    pair: str  # the same name without or with a public prefix; "" if there is none
    places: tuple[Mention, ...]


def guess_variables(project: Project, generic: Policy, tracked: Collection[str] = ()) -> tuple[Guess, ...]:
    """A guess for each variable that an example names or the code reads, by service, then name.

    The names in an env file that git tracks are as public as an example's; others are not read.
    """
    templates = {source.path for source in project.env_sources if source.example or source.path in tracked}
    in_files, in_templates, forms = env_variables(project), env_variables(project, templates), _forms(project)
    in_code = {
        name: own
        for name, places in code_variables(project).items()
        if (own := tuple(place for place in places if not is_of_tests(place.path)))
    }
    sizes = Counter(path for places in in_files.values() for path in {place.path for place in places})
    names = in_templates.keys() | in_code.keys()
    guesses = []
    for name in names:
        seen, read = in_templates.get(name, ()), in_code.get(name, ())
        kind, component = likely_kind(name, forms.get(name, frozenset()), generic)
        set_in = {place.path: sizes[place.path] for place in in_files.get(name, ())}
        # Code says which service reads a variable.
        service = service_of_variable(read or seen, set_in, project)
        needed = any(place.needed for place in read) and not any(place.optional for place in read)
        required = "always" if needed else "optional"
        pair = _pair(name, names, generic.public_prefixes)
        guesses.append(Guess(name, service, kind, component, required, pair, (*seen, *read)))
    return tuple(sorted(guesses, key=lambda guess: (guess.service, guess.name)))


def _forms(project: Project) -> Mapping[str, set[str]]:
    """What the values of env files and examples look like, by name."""
    found: dict[str, set[str]] = defaultdict(set)
    for source in project.env_sources:
        for binding in parse_stream(StringIO(text_of(project, source.path))):
            if binding.key and not binding.error:
                found[binding.key].add(shape_by(lambda question, value=binding.value or "": question(value)))  # type: ignore[misc]
    return found


def _pair(name: str, names: Collection[str], prefixes: tuple[str, ...]) -> str:
    bare = [name.removeprefix(prefix) for prefix in prefixes if name.startswith(prefix)]
    return next((other for other in (*bare, *(prefix + name for prefix in prefixes)) if other in names), "")


def with_environments(project: Project) -> Project:
    """The project with the environments of which an env file was found alone; with all if none was."""
    found = {source.environment for source in project.env_sources if not source.example}
    environments = tuple(name for name in ENVIRONMENTS if name in found)
    return replace(project, environments=environments or project.environments)


def service_of_variable(places: Iterable[Mention], set_in: Mapping[str, int], project: Project) -> str:
    """The service of a variable: of the env file that names it and is nearest above the code that reads it,
    of several the one with the most variables; else of any env file that is nearest above it.

    `set_in` gives for each env file that names it how many variables the file names.
    """
    path = PurePosixPath(min(places).path)
    by_path = {source.path: source for source in project.env_sources}
    naming = [by_path[one] for one in sorted(set_in)]
    if naming:
        return max(naming, key=lambda one: (_depth(one, path), set_in[one.path])).service
    above = [one for one in project.env_sources if _depth(one, path) >= 0]
    if above:
        return max(
            above, key=lambda one: (_depth(one, path), not file_words(PurePosixPath(one.path)))
        ).service
    # Of code that no env file serves: a folder of its own build, else the whole.
    for folder in list(path.parents)[:-1]:
        if any((project.root / folder / name).is_file() for name in _TEXTS["manifests"].split()):
            return service_of(folder / path.name)
    return service_of(PurePosixPath(path.name))


def _depth(source: EnvSource, path: PurePosixPath) -> int:
    """How near an env file is above another file; -1 if it is not above it."""
    folder = served_folder(PurePosixPath(source.path))
    return len(folder.parts) if path.is_relative_to(folder) else -1


# ---- The text ----


def first_audit_toml(
    project: Project,
    extends: str,
    guesses: Iterable[Guess],
    loaders: Mapping[str, str] | None = None,
    logins: Iterable[str] = (),
) -> str:
    """The text of an audit.toml for what is there, with a [[secret]] for each guess.

    `loaders` gives the loader of each env file of which it is known, by its path; `logins` are blocks of
    comments that ask about logins.
    """
    lines = [_TEXTS["head"], f"name = {_quoted(project.name)}", f"extends = {_quoted(extends)}"]
    has_guide = (project.root / project.guide).is_file()
    lines += [
        f"guide = {_quoted(project.guide)}  # your own document on secrets" if has_guide else _TEXTS["guide"]
    ]
    listed = f"environments = [{', '.join(map(_quoted, project.environments))}]"
    all_of_them = project.environments == ENVIRONMENTS
    guess = "  # guess: add those that only a platform holds"
    lines += [f"# {listed}  # the ones that exist" if all_of_them else listed + guess, _TEXTS["zone"]]
    exports = [path for path in project.exports if (project.root / path).is_file()]
    lines += [f"exports = [{', '.join(map(_quoted, exports))}]"] if exports else []
    for source in project.env_sources:
        if nameable(source.path) and os.path.lexists(project.root / source.path):
            lines += ["", *_env_lines(source, (loaders or {}).get(source.path, ""))]
    for log in project.log_sources:
        if nameable(log.pattern) and any(project.root.glob(log.pattern)):
            lines += ["", "[[log]]", f"pattern = {_quoted(log.pattern)}"]
            lines += [f"service = {_quoted(log.service)}  # guess", _TEXTS["instances"]]
    lines += [line for block in logins for line in ("", block)]
    lines.append(_TEXTS["tail"].rstrip())
    blocks = [_secret_lines(guess, project.name) for guess in guesses]
    lines += [_TEXTS["secrets"].rstrip()] if blocks else []
    return "\n".join([*lines, *(line for block in blocks for line in ("", *block))]) + "\n"


def _env_lines(source: EnvSource, loader: str) -> Iterator[str]:
    yield "[[env]]"
    yield f"path = {_quoted(source.path)}"
    yield from [f"environment = {_quoted(source.environment)}  # guess"] if source.environment else []
    yield f"service = {_quoted(source.service)}  # guess"
    yield from ["example = true"] if source.example else []
    yield from ["backup = true  # guess"] if source.backup else []
    yield from [f"loader = {_quoted(loader)}  # guess: by its neighbours"] if loader else []


def _secret_lines(guess: Guess, application: str) -> Iterator[str]:
    # A file's name could end the comment and begin a key of its own.
    odd = "a file with an odd name"
    named = [
        (one.path if re.fullmatch(r"[\w./@+ ()-]{1,200}", one.path) else odd, one.line)
        for one in guess.places
    ]
    yield f"# Seen in {few((f'{path}:{line}' for path, line in named), SHOWN_PLACES)}"
    yield "[[secret]]"
    yield f"name = {_quoted(guess.name)}"
    for key in ("service", "kind", "component"):
        if getattr(guess, key) != "whole":
            yield f"{key} = {_quoted(getattr(guess, key))}  # guess"
    yield f"required = {_quoted(guess.required)}  # guess"
    if guess.kind == "secret":
        yield from [_TEXTS["obtain"]] if is_issued(guess.name, application) else []
        yield _TEXTS["metadata"].rstrip()
    if guess.pair:
        yield f"# equals = [{_quoted(guess.pair)}]  # or differs: the names look like a pair, guess"


def nameable(path: str) -> bool:
    """Whether an audit.toml can name a path: one in UTF-8, without control characters or backslashes."""
    return not path_fault(path) and not any("\ud800" <= char <= "\udfff" for char in path)


def _quoted(text: str) -> str:
    plain = (char if char.isprintable() and char not in '"\\' else f"\\U{ord(char):08x}" for char in text)
    return f'"{"".join(plain)}"'


def write_new(path: Path, text: str, place: str) -> bool:
    """Whether the file was written: never over one that is there, nor through a link."""
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
    except FileExistsError:
        return False
    except OSError as error:
        raise BadInput.at(place, f"cannot be written ({error.strerror})") from None
    return True

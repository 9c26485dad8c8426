"""The text of a first audit.toml: what was found, and guesses marked as guesses; never a value.

A variable is guessed to be required only if the application's own code fails without it.
"""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path, PurePosixPath

from dotenv.parser import parse_stream

from audit_lib.base.errors import BadInput
from audit_lib.base.in_words import few
from audit_lib.settings.code_reads import Mention, code_variables, env_variables, is_of_tests, text_of
from audit_lib.settings.discover import file_words, served_folder, service_of
from audit_lib.settings.fields import ENVIRONMENTS, path_fault
from audit_lib.settings.kinds import is_issued, likely_kind, shape_by
from audit_lib.settings.models import EnvSource, Policy, Project

SHOWN_PLACES = 3
_HEAD = """\
# Where this application's secrets and logs are, and what is demanded of each variable. Written by
# `audit-lib init` from what it found, names only: lines that end in "guess" are guesses. Correct them.
# Paths are relative to this folder; docs/audit_toml.md has all keys.
"""
_TAIL = """
# Supply values that only a platform holds like this; they are not stored:
#   audit-lib review --project . --env production/backend=-
# To include deploys in an investigation, export the platform's deploy list (docs/incident.md#deploys):
#   [[deploys]]
#   pattern = "evidence/deploys*.json"
"""
_SECRETS = """
# ---- Variables. What your own guide says of them goes here, too:
#   format = "url-safe"     a name of [formats], here or in the generic policy
#   min_length = 32
#   max_age_days = 90       days until it must be rotated; exempt = true: never
#   equals = ["OTHER"]      must have the same value in the same environment; differs = [...]: must not
#   required = "always"     the application fails without it; "optional": a missing one is only listed
#   obtain = "…", revoke = "…", restart = "restart"
"""
# No guess may stand for these: it would be taken for the owner's word that no log is missing.
_INSTANCES = "# instances = 1  # fill in: how many instances write such a log, each its own"
_ZONE = '# time_zone = "UTC"  # fill in: the zone of times that have none of their own'
# Nobody but the owner can say these; while they are empty, each is a finding on the policy.
_OBTAIN = 'obtain = "its provider\'s console"  # guess: remove it if you make the value yourself'
_METADATA = (
    'purpose = ""  # fill in: what it is for',
    'owner = ""  # fill in: who answers for it',
    'reach = ""  # fill in: what it can do',
    'reviewed = ""  # fill in: when the owner last confirmed that it is needed, such as 2026-09-30',
    'reason = ""  # fill in: why it is rotated after so many days',
)
# A folder with one of these is built by itself.
_MANIFESTS = (
    *("package.json", "pyproject.toml", "requirements.txt", "setup.py", "manage.py", "Gemfile", "go.mod"),
    *("Cargo.toml", "pom.xml", "build.gradle", "composer.json", "Dockerfile"),
)


@dataclass(frozen=True)
class Guess:
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
    in_files, forms = env_variables(project), _forms(project)
    in_code = {
        name: own
        for name, places in code_variables(project).items()
        if (own := tuple(place for place in places if not is_of_tests(place.path)))
    }
    in_templates = env_variables(project, templates)
    sizes = Counter(path for places in in_files.values() for path in {place.path for place in places})
    names = in_templates.keys() | in_code.keys()
    guesses = []
    for name in sorted(names):
        shown, read = in_templates.get(name, ()), in_code.get(name, ())
        kind, component = likely_kind(name, forms.get(name, frozenset()), generic)
        set_in = {place.path: sizes[place.path] for place in in_files.get(name, ())}
        # Code says which service reads a variable.
        service = service_of_variable(read or shown, set_in, project)
        needed = any(place.needed for place in read) and not any(place.optional for place in read)
        required = "always" if needed else "optional"
        pair = _pair(name, names, generic.public_prefixes)
        guesses.append(Guess(name, service, kind, component, required, pair, (*shown, *read)))
    return tuple(sorted(guesses, key=lambda guess: (guess.service, guess.name)))


def _forms(project: Project) -> dict[str, frozenset[str]]:
    """What the values of env files and examples look like, by name."""
    found: dict[str, set[str]] = defaultdict(set)
    for source in project.env_sources:
        for binding in parse_stream(StringIO(text_of(project, source.path))):
            if binding.key and not binding.error:
                value = binding.value or ""
                found[binding.key].add(shape_by(lambda question, value=value: question(value)))  # type: ignore[misc]
    return {name: frozenset(forms) for name, forms in found.items()}


def _pair(name: str, names: Collection[str], prefixes: tuple[str, ...]) -> str:
    for prefix in prefixes:
        bare = name.removeprefix(prefix)
        if bare != name and bare in names:
            return bare
        if prefix + name in names:
            return prefix + name
    return ""


# ---- Services and environments ----


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
    found = max(naming, key=lambda one: (_depth(one, path), set_in[one.path]), default=None)
    if found is None:
        above = [one for one in project.env_sources if _depth(one, path) >= 0]
        found = max(
            above, key=lambda one: (_depth(one, path), not file_words(PurePosixPath(one.path))), default=None
        )
    return found.service if found else _service_of_code(path, project.root)


def _service_of_code(path: PurePosixPath, root: Path) -> str:
    """The service of code that no env file serves: a folder of its own build, else the whole."""
    for folder in list(path.parents)[:-1]:
        if any((root / folder / name).is_file() for name in _MANIFESTS):
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
    lines = [_HEAD, f"name = {_quoted(project.name)}", f"extends = {_quoted(extends)}"]
    if (project.root / project.guide).is_file():
        lines.append(f"guide = {_quoted(project.guide)}  # your own document on secrets")
    else:
        lines.append('guide = ""  # fill in: your own document on secrets, if there is one')
    own = "  # guess: add those that only a platform holds" if project.environments != ENVIRONMENTS else ""
    listed = f"environments = [{', '.join(map(_quoted, project.environments))}]"
    lines += [listed + own if own else f"# {listed}  # the ones that exist", _ZONE]
    exports = [path for path in project.exports if (project.root / path).is_file()]
    lines += [f"exports = [{', '.join(map(_quoted, exports))}]"] if exports else []
    for source in project.env_sources:
        if nameable(source.path) and os.path.lexists(project.root / source.path):
            lines += ["", *_env_lines(source, (loaders or {}).get(source.path, ""))]
    for log in project.log_sources:
        if nameable(log.pattern) and any(project.root.glob(log.pattern)):
            lines += ["", "[[log]]", f"pattern = {_quoted(log.pattern)}"]
            lines += [f"service = {_quoted(log.service)}  # guess", _INSTANCES]
    for block in logins:
        lines += ["", block]
    lines.append(_TAIL.rstrip())
    blocks = [_secret_lines(guess, project.name) for guess in guesses]
    lines += [_SECRETS.rstrip()] if blocks else []
    return "\n".join([*lines, *(line for block in blocks for line in ("", *block))]) + "\n"


def _env_lines(source: EnvSource, loader: str) -> Iterator[str]:
    yield "[[env]]"
    yield f"path = {_quoted(source.path)}"
    if source.environment:
        yield f"environment = {_quoted(source.environment)}  # guess"
    yield f"service = {_quoted(source.service)}  # guess"
    if source.example:
        yield "example = true"
    if source.backup:
        yield "backup = true  # guess"
    if loader:
        yield f"loader = {_quoted(loader)}  # guess: by its neighbours"


def _secret_lines(guess: Guess, application: str) -> Iterator[str]:
    seen = few((f"{_shown(place.path)}:{place.line}" for place in guess.places), SHOWN_PLACES)
    yield f"# Seen in {seen}"
    yield "[[secret]]"
    yield f"name = {_quoted(guess.name)}"
    for key, value in (("service", guess.service), ("kind", guess.kind), ("component", guess.component)):
        if value != "whole":
            yield f"{key} = {_quoted(value)}  # guess"
    yield f"required = {_quoted(guess.required)}  # guess"
    if guess.kind == "secret":
        if is_issued(guess.name, application):
            yield _OBTAIN
        yield from _METADATA
    if guess.pair:
        yield f"# equals = [{_quoted(guess.pair)}]  # or differs: the names look like a pair, guess"


def _shown(path: str) -> str:
    # A file's name could end the comment and begin a key of its own.
    return path if re.fullmatch(r"[\w./@+ ()-]{1,200}", path) else "a file with an odd name"


def nameable(path: str) -> bool:
    """Whether an audit.toml can name a path: one in UTF-8, without control characters or backslashes."""
    return not path_fault(path) and not any("\ud800" <= char <= "\udfff" for char in path)


def _quoted(text: str) -> str:
    plain = (char if char.isprintable() and char not in '"\\' else f"\\U{ord(char):08x}" for char in text)
    return f'"{"".join(plain)}"'


def write_new(path: Path, text: str, place: str) -> bool:
    """Whether the file was written: never over one that is there, nor through a link."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        return False
    except OSError as error:
        raise BadInput.at(place, f"cannot be written ({error.strerror})") from None
    with os.fdopen(handle, "wb") as file:
        file.write(text.encode("utf-8"))
    return True

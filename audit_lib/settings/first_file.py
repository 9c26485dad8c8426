"""The text of a first audit.toml: what was found, and guesses marked as guesses; never a value.

A variable is guessed to be required only if the application's own code fails without it.
"""

import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from typing import Any

import jinja2

from audit_lib.base.errors import BadInput
from audit_lib.base.in_words import few
from audit_lib.settings.code_reads import Mention, code_variables, env_variables, is_of_tests
from audit_lib.settings.discover import service_of_variable
from audit_lib.settings.keys import path_fault
from audit_lib.settings.kinds import is_issued, likely_kind
from audit_lib.settings.models import ENVIRONMENTS, Policy, Project


def guess_variables(project: Project, generic: Policy, tracked: Collection[str] = ()) -> list[dict[str, Any]]:
    """What each variable seems to be that an example names or the code reads, by service, then name.

    A guess has the keys of a [[secret]]; `issued` by a provider; `pair`, the same name without or with a
    public prefix, else ""; and the `places` of its name. The names in an env file that git tracks are as
    public as an example's; others are not read.
    """
    templates = {source.path for source in project.env_sources if source.example or source.path in tracked}
    in_files, in_templates = env_variables(project), env_variables(project, templates)
    in_code = {
        name: tuple(place for place in places if not is_of_tests(place.path))
        for name, places in code_variables(project).items()
    }
    sizes = Counter(path for places in in_files.values() for path in {place.path for place in places})
    names = in_templates.keys() | {name for name in in_code if in_code[name]}
    guesses = []
    for name in names:
        seen, read, held = in_templates.get(name, ()), in_code.get(name, ()), in_files.get(name, ())
        kind, component = likely_kind(name, {place.form for place in held if place.form}, generic)
        set_in = {place.path: sizes[place.path] for place in held}
        bare = [name.removeprefix(prefix) for prefix in generic.public_prefixes if name.startswith(prefix)]
        others = (*bare, *(prefix + name for prefix in generic.public_prefixes))
        needed = any(place.needed for place in read) and not any(place.optional for place in read)
        guesses.append(
            {
                "name": name,
                # Code says which service reads a variable.
                "service": service_of_variable(read or seen, set_in, project),
                "kind": kind,
                "component": component,
                "required": "always" if needed else "optional",
                "issued": kind == "secret" and is_issued(name, project.name),
                "pair": next((other for other in others if other in names), ""),
                "places": (*seen, *read),
            }
        )
    return sorted(guesses, key=itemgetter("service", "name"))


def with_environments(project: Project) -> Project:
    """The project with the environments of which an env file was found alone; with all if none was."""
    found = {source.environment for source in project.env_sources if not source.example}
    environments = tuple(name for name in ENVIRONMENTS if name in found)
    return replace(project, environments=environments or project.environments)


def first_audit_toml(
    project: Project,
    extends: str,
    guesses: Iterable[Mapping[str, Any]],
    loaders: Mapping[str, str] | None = None,
    logins: Iterable[str] = (),
) -> str:
    """The text of an audit.toml for what is there, with a [[secret]] for each guess.

    `loaders` gives the loader of each env file of which it is known, by its path; `logins` are blocks of
    comments that ask about logins.
    """
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)  # noqa: S701
    environment.filters |= {"quoted": _quoted, "places": _few_places}
    template = environment.from_string(Path(__file__).with_name("first_audit.toml.j2").read_text("utf-8"))
    env_sources = [source for source in project.env_sources if nameable(source.path)]
    log_sources = [source for source in project.log_sources if nameable(source.pattern)]
    return template.render(
        project=project,
        extends=extends,
        has_guide=(project.root / project.guide).is_file(),
        exports=[path for path in project.exports if (project.root / path).is_file()],
        env_sources=[source for source in env_sources if os.path.lexists(project.root / source.path)],
        log_sources=[source for source in log_sources if any(project.root.glob(source.pattern))],
        loaders=loaders or {},
        logins=logins,
        guesses=guesses,
    )


def _few_places(mentions: Iterable[Mention]) -> str:
    # A file's name could end the comment and begin a key of its own.
    plain = re.compile(r"[\w./@+ ()-]{1,200}")
    named = ((one.path if plain.fullmatch(one.path) else "a file with an odd name", one) for one in mentions)
    return few((f"{path}:{one.line}" for path, one in named), 3)


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

"""Guesses what an application's variables are, from names in example files and in code alone."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from audit_lib.project.discovery import service_of, words
from audit_lib.project.onboarding.variables import code_variables, env_variables
from audit_lib.project.places import Project
from audit_lib.project.policy.rules import Policy
from audit_lib.project.variables_in_text import Mention

IDENTIFIERS = ("*_ID", "*_ACCOUNT", "*_USER", "*_USERNAME", "*_LOGIN")
STORES = words(
    "DATABASE DB POSTGRES POSTGRESQL PG MYSQL MONGO MONGODB REDIS AMQP RABBITMQ BROKER CELERY CACHE"
)
SHOWN_PLACES = 3


@dataclass(frozen=True)
class Guess:
    """What one variable seems to be; `places` say where its name was seen."""

    name: str
    service: str
    kind: str
    component: str
    required: str
    pair: str  # the same name without or with a public prefix; "" where there is none
    places: tuple[Mention, ...]


def guess_variables(project: Project, generic: Policy) -> tuple[Guess, ...]:
    """A guess for each variable that an example names or the code reads, by service, then name."""
    templates = {source.path for source in project.env_sources if source.example}
    named: dict[str, list[Mention]] = {}
    for found in (env_variables(project, examples_only=True), code_variables(project)):
        for name, places in found.items():
            named.setdefault(name, []).extend(places)
    guesses = []
    for name, seen in named.items():
        # An example comes first: it says more than one line of code.
        ordered = tuple(sorted(seen, key=lambda place: (place.path not in templates, place)))
        guesses.append(_guess(name, ordered, set(named), project, generic))
    return tuple(sorted(guesses, key=lambda guess: (guess.service, guess.name)))


def _guess(
    name: str, places: tuple[Mention, ...], names: set[str], project: Project, generic: Policy
) -> Guess:
    kind, component = guess_kind(name, generic)
    return Guess(
        name=name,
        service=_service(PurePosixPath(places[0].path), project),
        kind=kind,
        component=component,
        required="always" if any(place.needed for place in places) else "recommended",
        pair=_pair(name, names, generic.public_prefixes),
        places=places,
    )


def guess_kind(name: str, generic: Policy) -> tuple[str, str]:
    """Kind and component that a name suggests: the password in a store's address is the secret."""
    if _matches(name, generic.secret_url_names):
        return ("secret", "password") if STORES & set(name.upper().split("_")) else ("setting", "whole")
    if _matches(name, generic.secret_names):
        return "secret", "whole"
    return ("identifier", "whole") if _matches(name, IDENTIFIERS) else ("setting", "whole")


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name.upper(), pattern.upper()) for pattern in patterns)


def _pair(name: str, names: set[str], prefixes: tuple[str, ...]) -> str:
    for prefix in prefixes:
        bare = name.removeprefix(prefix)
        if bare != name and bare in names:
            return bare
        if prefix + name in names:
            return prefix + name
    return ""


def _service(path: PurePosixPath, project: Project) -> str:
    """The service of the env source that is nearest above a file."""
    above = [
        source for source in project.env_sources if path.is_relative_to(PurePosixPath(source.path).parent)
    ]
    nearest = max(above, key=lambda source: len(PurePosixPath(source.path).parts), default=None)
    return nearest.service if nearest else service_of(path)

"""Guesses what an application's variables are, by names, shapes of values, and which ones hold one secret."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from audit_lib.project.discovery import files
from audit_lib.project.likely_kind import likely_kind, of_one_store
from audit_lib.project.onboarding.services import service_of_variable
from audit_lib.project.onboarding.values_at_hand import AtHand, values_at_hand
from audit_lib.project.places import Project
from audit_lib.project.policy.rules import Policy
from audit_lib.project.variables import code_variables, env_variables, text_of
from audit_lib.project.variables_in_text import Mention, is_deployment

MOST_FILES = 200
_NAME = r"[A-Za-z_][A-Za-z0-9_]{1,127}"
# NAME=…, NAME: …, - NAME=…, export NAME=…: with a reference in what follows.
_SETS = re.compile(
    rf"(?m)^[ \t]*(?:-[ \t]+|export[ \t]+)?[\"']?({_NAME})[\"']?[ \t]*[=:][ \t]*([^\n]*\$[^\n]*)$"
)
_REFERENCE = rf"\$(?:\{{({_NAME})(?:[:?+-][^}}]*)?\}}|({_NAME}))"
_WHOLE = re.compile(rf"[\"']?{_REFERENCE}[\"']?\s*(?:#.*)?")
_PASSWORD = re.compile(rf"://(?:\$\{{[^}}]*\}}|[^:@/\s$])*:{_REFERENCE}@")
SHOWN_PLACES = 3


@dataclass(frozen=True, order=True)
class Coupling:
    """Another variable that holds the same secret, and what shows it: a line, or "" for equal values."""

    other: str
    path: str = ""
    line: int = 0


def couplings(project: Project, secrets: Collection[str], at_hand: AtHand) -> dict[str, tuple[Coupling, ...]]:
    """For each secret the others that hold its value: a line sets one from the other, or both are of one
    store and hold one value, and no env file sets them apart.
    """
    found: dict[str, dict[str, Coupling]] = defaultdict(dict)
    for name, coupling in _set_from_another(project):
        if name != coupling.other and {name, coupling.other} <= set(secrets):
            found[name].setdefault(coupling.other, coupling)
    for one, other in sorted(tuple(sorted(pair)) for pair in at_hand.alike - at_hand.apart):
        if {one, other} <= set(secrets) and of_one_store(one, other) and one not in found.get(other, {}):
            found[one].setdefault(other, Coupling(other))
    return {name: tuple(sorted(others.values())) for name, others in found.items()}


def _set_from_another(project: Project) -> Iterator[tuple[str, Coupling]]:
    for path in _texts(project):
        text = text_of(project, path)
        for found in _SETS.finditer(text):
            reference = _PASSWORD.search(found[2]) or _WHOLE.fullmatch(found[2].strip())
            if reference:
                line = text.count("\n", 0, found.start(1)) + 1
                yield found[1], Coupling(reference[1] or reference[2], path, line)


def _texts(project: Project) -> list[str]:
    """The env files, then the deployment and shell files of the project."""
    sources = [source.path for source in project.env_sources if not source.backup]
    found = (path for path in files(project.root) if is_deployment(path) or path.suffix == ".sh")
    return [*sources, *[str(path) for path, _ in zip(found, range(MOST_FILES), strict=False)]]


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
    coupled: tuple[Coupling, ...] = ()  # other guesses' variables that hold the same secret


def guess_variables(project: Project, generic: Policy, tracked: Collection[str] = ()) -> tuple[Guess, ...]:
    """A guess for each variable that an example names or the code reads, by service, then name.

    The names in an env file that git tracks are as public as an example's; of others they are not told.
    """
    templates = {source.path for source in project.env_sources if source.example or source.path in tracked}
    in_files, at_hand = env_variables(project), values_at_hand(project)
    named: dict[str, list[Mention]] = {}
    for found in (env_variables(project, templates), code_variables(project)):
        for name, places in found.items():
            named.setdefault(name, []).extend(places)
    sizes = _sizes(in_files)
    guesses = []
    for name, seen in named.items():
        # An example comes first: it says more than one line of code.
        ordered = tuple(sorted(seen, key=lambda place: (place.path not in templates, place)))
        kind, component = likely_kind(name, at_hand.shapes.get(name, frozenset()), generic)
        set_in = {place.path: sizes[place.path] for place in in_files.get(name, ())}
        guess = Guess(
            name=name,
            service=service_of_variable(_code_first(ordered, templates), set_in, project),
            kind=kind,
            component=component,
            required=_required(ordered, templates),
            pair=_pair(name, set(named), generic.public_prefixes),
            places=ordered,
        )
        guesses.append(guess)
    secrets = {guess.name for guess in guesses if guess.kind == "secret"}
    coupled = couplings(project, secrets, at_hand)
    guesses = [replace(guess, coupled=coupled.get(guess.name, ())) for guess in guesses]
    return tuple(sorted(guesses, key=lambda guess: (guess.service, guess.name)))


def _code_first(places: tuple[Mention, ...], templates: set[str]) -> tuple[Mention, ...]:
    """The places in code, if there are any: they say which service reads a variable."""
    return tuple(place for place in places if place.path not in templates) or places


def _required(places: tuple[Mention, ...], templates: set[str]) -> str:
    """Whether the application needs a variable: only code that fails without it shows that."""
    return "always" if any(place.needed and place.path not in templates for place in places) else "optional"


def _sizes(in_files: Mapping[str, tuple[Mention, ...]]) -> Counter[str]:
    """How many variables each env file names."""
    return Counter(path for places in in_files.values() for path in {place.path for place in places})


def _pair(name: str, names: set[str], prefixes: tuple[str, ...]) -> str:
    for prefix in prefixes:
        bare = name.removeprefix(prefix)
        if bare != name and bare in names:
            return bare
        if prefix + name in names:
            return prefix + name
    return ""

"""Guesses what an application's variables are, from their names and the shapes of the values at hand."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from audit_lib.project.likely_kind import likely_kind
from audit_lib.project.onboarding.couplings import Coupling, couplings
from audit_lib.project.onboarding.services import service_of_variable
from audit_lib.project.onboarding.values_at_hand import values_at_hand
from audit_lib.project.places import Project
from audit_lib.project.policy.rules import Policy
from audit_lib.project.variables import code_variables, env_variables
from audit_lib.project.variables_in_text import Mention

SHOWN_PLACES = 3


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
    """Whether the application needs a variable: code that fails without it counts before an example."""
    if any(place.needed and place.path not in templates for place in places):
        return "always"
    needed = any(place.needed for place in places) and not any(place.optional for place in places)
    return "always" if needed else "optional"


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

"""The shapes of the values that a project's env files hold, and which are alike; never a value itself."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import StringIO
from itertools import combinations

from dotenv.parser import parse_stream

from audit_lib.project.likely_kind import shape_by
from audit_lib.project.places import EnvSource, Project
from audit_lib.project.variables import text_of
from audit_lib.secrecy import value_questions as values

MOST_ALIKE = 12  # holders of one value, or of one name, that are compared with each other
MOST_CHARACTERS = 4_096  # references can double a value with each line
_REFERENCE = re.compile(r"\$\{(\w+)(?::?-([^}]*))?\}|\$(\w+)")


@dataclass(frozen=True)
class AtHand:
    """What the values at hand show of the variables that hold them."""

    shapes: Mapping[str, frozenset[str]]  # name: no value, plain, URL with password, generated, text
    alike: frozenset[frozenset[str]]  # pairs of names with one value, or a URL with it, in one environment
    apart: frozenset[frozenset[str]]  # pairs of names that one file sets to two values


@dataclass(frozen=True)
class _Held:
    """One line of an env file; the value stays in this process."""

    source: EnvSource
    name: str
    value: str = field(repr=False)


def values_at_hand(project: Project) -> AtHand:
    """The shapes of all values of env files and examples, and what is alike in the files in use."""
    shapes: dict[str, set[str]] = defaultdict(set)
    holders: dict[tuple[str, str], set[str]] = defaultdict(set)
    in_file: dict[str, dict[str, str]] = defaultdict(dict)
    for held in _held(project):
        shapes[held.name].add(_shape(held.value))
        if not held.source.example and not values.is_no_value(held.value) and not values.is_plain(held.value):
            holders[held.source.environment, _secret_part(held.value)].add(held.name)
            in_file[held.source.path][held.name] = _secret_part(held.value)
    few = (sorted(names)[:MOST_ALIKE] for names in holders.values())
    alike = {frozenset(pair) for names in few for pair in combinations(names, 2)}
    apart = {pair for pair in alike for held in in_file.values() if _differ(pair, held)}
    return AtHand(
        {name: frozenset(found) for name, found in shapes.items()}, frozenset(alike), frozenset(apart)
    )


def differing(project: Project) -> frozenset[frozenset[str]]:
    """Pairs of paths of env files in use that set one variable to two values."""
    by_name: dict[str, list[_Held]] = defaultdict(list)
    for held in _held(project):
        if not held.source.example and not held.source.backup and not values.is_no_value(held.value):
            by_name[held.name].append(held)
    return frozenset(
        frozenset((one.source.path, other.source.path))
        for same in by_name.values()
        for one, other in combinations(same[:MOST_ALIKE], 2)
        if one.value != other.value and one.source.path != other.source.path
    )


def _differ(pair: frozenset[str], held: Mapping[str, str]) -> bool:
    return len({held[name] for name in pair if name in held}) == 2


def _held(project: Project) -> Iterator[_Held]:
    for source in project.env_sources:
        known: dict[str, str] = {}
        for binding in parse_stream(StringIO(text_of(project, source.path))):
            if binding.key and not binding.error:
                known[binding.key] = _resolved(binding.value or "", known)
        yield from (_Held(source, name, value) for name, value in known.items())


def _resolved(value: str, known: Mapping[str, str]) -> str:
    """The value with references to earlier lines of its file put in; what is not known is left."""

    def put_in(found: re.Match[str]) -> str:
        default = found[0] if found[2] is None else str(found[2])
        return known.get(found[1] or found[3], default)

    return _REFERENCE.sub(put_in, value[:MOST_CHARACTERS])[:MOST_CHARACTERS]


def _shape(value: str) -> str:
    return shape_by(lambda question: question(value))


def _secret_part(value: str) -> str:
    """A URL's password, else the whole value."""
    return values.component("password")(value) or value

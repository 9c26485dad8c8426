"""Which variables hold one secret: what env, compose and shell files set from another, and what is alike."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from audit_lib.project.discovery import files
from audit_lib.project.likely_kind import of_one_store
from audit_lib.project.onboarding.values_at_hand import AtHand
from audit_lib.project.places import Project
from audit_lib.project.variables import text_of
from audit_lib.project.variables_in_text import is_deployment

MOST_FILES = 200
_NAME = r"[A-Za-z_][A-Za-z0-9_]{1,127}"
# NAME=…, NAME: …, - NAME=…, export NAME=…: with a reference in what follows.
_SETS = re.compile(
    rf"(?m)^[ \t]*(?:-[ \t]+|export[ \t]+)?[\"']?({_NAME})[\"']?[ \t]*[=:][ \t]*([^\n]*\$[^\n]*)$"
)
_REFERENCE = rf"\$(?:\{{({_NAME})(?:[:?+-][^}}]*)?\}}|({_NAME}))"
_WHOLE = re.compile(rf"[\"']?{_REFERENCE}[\"']?\s*(?:#.*)?")
_PASSWORD = re.compile(rf"://(?:\$\{{[^}}]*\}}|[^:@/\s$])*:{_REFERENCE}@")


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

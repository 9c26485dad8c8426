"""Which service an env file and a variable belong to, by what the env files hold and where code is."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from audit_lib.project.discovery import GROUPING_FOLDERS, file_words, live_copy, service_of
from audit_lib.project.onboarding.values_at_hand import differing
from audit_lib.project.places import ENVIRONMENTS, EnvSource, Project
from audit_lib.project.variables_in_text import Mention


def with_services(project: Project) -> Project:
    """The project with a service for each env file of a place in which two files differ, by their names.

    redis.env and redis-cache.env that set one password to two values are two services. Files that differ
    from .env by environment alone, as .env.local does, stay one service: the one overrides the other.
    """
    apart = differing(project)
    groups: dict[tuple[str, str], list[EnvSource]] = defaultdict(list)
    for source in project.env_sources:
        if file_words(PurePosixPath(source.path)) and not source.backup:
            groups[source.environment, source.service].append(source)
    services: dict[str, str] = {}
    for group in groups.values():
        paths = {source.path for source in group}
        if any(pair <= paths for pair in apart):
            services |= _own_names(sorted(paths))
    # An example is of the service of the file that people copy it to.
    copies = {source.path: str(live_copy(PurePosixPath(source.path))) for source in project.env_sources}
    sources = (
        replace(one, service=services.get(one.path) or services.get(copies[one.path]) or one.service)
        for one in project.env_sources
    )
    return replace(project, env_sources=tuple(sources))


def with_environments(project: Project) -> Project:
    """The project with the environments of which an env file was found alone; with all if none was."""
    found = {source.environment for source in project.env_sources if not source.example} - {""}
    environments = tuple(name for name in ENVIRONMENTS if name in found)
    return replace(project, environments=environments or project.environments)


def _own_names(paths: list[str]) -> dict[str, str]:
    """A name for each path: its file's, with those of its folders if another file has it, too."""
    names = {path: file_words(PurePosixPath(path)) for path in paths}
    counts = Counter(names.values())
    shared = set.intersection(*(set(PurePosixPath(path).parts[:-1]) for path in paths))
    for path, name in names.items():
        if counts[name] > 1:
            own = [part.strip(".") for part in PurePosixPath(path).parts[:-1] if part not in shared]
            names[path] = "-".join([*own, name]).replace(" ", "-")
    return names


def service_of_variable(places: Iterable[Mention], set_in: Mapping[str, int], project: Project) -> str:
    """The service of a variable: of the env file that names it and is nearest above the code that reads it,
    of several the one with the most variables; else of any env file that is nearest above it.

    `set_in` gives for each env file that names it how many variables the file names.
    """
    path = PurePosixPath(min(place for place in places).path)
    by_path = {source.path: source for source in project.env_sources}
    naming = [by_path[one] for one in sorted(set_in)]
    found = max(naming, key=lambda one: (_depth(one, path), set_in[one.path]), default=None)
    if found is None:
        above = [one for one in project.env_sources if _depth(one, path) >= 0]
        found = max(above, key=lambda one: (_depth(one, path), _names_top(one)), default=None)
    return found.service if found else service_of(path)


def _depth(source: EnvSource, path: PurePosixPath) -> int:
    """How near an env file is above another file; -1 if it is not above it."""
    folder = _folder(source)
    return len(folder.parts) if path.is_relative_to(folder) else -1


def _folder(source: EnvSource) -> PurePosixPath:
    """The folder whose code an env file serves: that above env/ and its like."""
    folder = PurePosixPath(source.path).parent
    while folder.name.lower() in GROUPING_FOLDERS or folder.name.startswith("."):
        if folder == folder.parent:
            break
        folder = folder.parent
    return folder


def _names_top(source: EnvSource) -> bool:
    """Whether a file is the folder's own .env, and not one of a service beside it."""
    return not file_words(PurePosixPath(source.path))

"""What a leak's purge must touch in git, and its commands, by git-filter-repo's manual.

A file goes by its path, else by its text. No command holds a value: somebody enters it without echo.
"""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from audit_lib.base.git import GitFailed
from audit_lib.leaks.sources import at_head
from audit_lib.settings import Project

_IN_FILES = ("commit", "note", "stash", "other ref", "reflog", "unreachable", "staged")
_IN_MESSAGES = ("commit message", "commit author", "tag")
_IN_HISTORY = (*_IN_FILES, *_IN_MESSAGES, "path", "git file", "git object")
_REPLACE = """\
IFS= read -rs OLD_VALUE && export OLD_VALUE
REPLACE=$(mktemp) && printf 'literal:%s==>REMOVED\\n' "$OLD_VALUE" > "$REPLACE"
{filter} --replace-text "$REPLACE" --replace-message "$REPLACE"
"""
_IN_NAMES = 'import os; return filename.replace(os.environb[b"OLD_VALUE"], b"REMOVED")'


@dataclass(frozen=True)
class Purge:
    """What of a repository holds leaked values, and the lines to type, in order, in one shell of bash."""

    whole: tuple[str, ...]  # env files, and what is at HEAD no more
    texts: tuple[str, ...]  # files that must stay, without the value
    messages: bool  # a commit's message, its author or a tag holds it
    names: bool  # the name of a file holds it
    elsewhere: tuple[str, ...]  # files on disk beside git: logs, bundles, notebooks, copies
    commands: tuple[str, ...] = ()  # none if the history holds nothing


def purge_of(project: Project, places: pd.DataFrame) -> Purge:
    """The purge for rows of LeakPlaces: whatever was found, in the order of its paths."""
    env_files = {source.path for source in project.env_sources if not source.example}
    try:
        listed = at_head(project.root)
    except GitFailed:  # without a repository that can be read nothing is at HEAD
        listed = {}
    head = {path for paths in listed.values() for path in paths}
    place = places["place"]
    # An archive goes as a whole.
    held = {path.partition("!")[0] for path in places.loc[place.isin(_IN_FILES), "path"]} - {""}
    whole = {path for path in held if path in env_files or path not in head}
    purge = Purge(
        tuple(sorted(whole)),
        tuple(sorted(held - whole)),
        messages=bool(place.isin(_IN_MESSAGES).any()),
        names=bool(place.eq("path").any()),
        elsewhere=tuple(sorted(set(places.loc[~place.isin(_IN_HISTORY), "path"]))),
    )
    return replace(purge, commands=tuple(_commands(purge, project.root, sorted(whole & head))))


def _commands(purge: Purge, root: Path, tracked: list[str]) -> Iterator[str]:
    git = f"git -C {shlex.quote(str(root))}"
    filtered = f"{git} filter-repo --force"
    if tracked:
        yield f"{git} rm --cached -- {shlex.join(tracked)}"
        yield f'{git} commit -m "Stop tracking env files"'
    if purge.texts or purge.messages or purge.names:
        yield from _REPLACE.replace("{filter}", filtered).splitlines()
        yield from [f"{filtered} --filename-callback {shlex.quote(_IN_NAMES)}"] if purge.names else []
        yield 'rm -f "$REPLACE"; unset OLD_VALUE REPLACE'
    if purge.whole:
        yield f"{filtered} --invert-paths {shlex.join(f'--path={path}' for path in purge.whole)}"

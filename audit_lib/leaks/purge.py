"""What a leak's purge must touch in git, and its commands: by path if a file must go, else by its text.

No command holds a value: the file of replacements is made from what somebody enters without echo.
Source: git-filter-repo's manual, "--invert-paths", "--replace-text", "--replace-message", callbacks.
"""

import shlex
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from audit_lib.base.git import GitFailed
from audit_lib.leaks.sources import at_head
from audit_lib.settings import Project

_IN_FILES = ("commit", "note", "stash", "other ref", "reflog", "unreachable", "staged")
_IN_MESSAGES = ("commit message", "commit author", "tag")
_IN_HISTORY = (*_IN_FILES, *_IN_MESSAGES, "path", "git file", "git object")
_REPLACE = (
    "IFS= read -rs OLD_VALUE && export OLD_VALUE",
    'REPLACE=$(mktemp) && printf \'literal:%s==>REMOVED\\n\' "$OLD_VALUE" > "$REPLACE"',
    '{filter} --replace-text "$REPLACE" --replace-message "$REPLACE"',
)
_IN_NAMES = 'import os; return filename.replace(os.environb[b"OLD_VALUE"], b"REMOVED")'


@dataclass(frozen=True)
class Purge:
    """What of a repository holds leaked values: paths that must go, paths whose text must change."""

    root: Path
    whole: tuple[str, ...]  # env files, and what is at HEAD no more
    tracked: tuple[str, ...]  # of those, the ones that HEAD holds
    texts: tuple[str, ...]  # files that must stay, without the value
    messages: bool  # a commit's message, its author or a tag holds it
    names: bool  # the name of a file holds it
    elsewhere: tuple[str, ...]  # files on disk beside git: logs, bundles, notebooks, copies

    @property
    def committed(self) -> bool:
        """Whether the history holds anything."""
        return bool(self.whole) or self.entered

    @property
    def entered(self) -> bool:
        """Whether somebody must enter the value, because its text is replaced."""
        return bool(self.texts or self.messages or self.names)

    @property
    def commands(self) -> tuple[str, ...]:
        """The lines to type, in order, in one shell (bash or zsh); none holds a value."""
        git = f"git -C {shlex.quote(str(self.root))}"
        filtered, lines = f"{git} filter-repo --force", []
        if self.tracked:
            lines.append(f"{git} rm --cached -- {shlex.join(self.tracked)}")
            lines.append(f'{git} commit -m "Stop tracking env files"')
        if self.entered:
            lines += [line.replace("{filter}", filtered) for line in _REPLACE]
            lines += [f"{filtered} --filename-callback {shlex.quote(_IN_NAMES)}"] if self.names else []
            lines.append('rm -f "$REPLACE"; unset OLD_VALUE REPLACE')
        if self.whole:
            lines.append(f"{filtered} --invert-paths {shlex.join(f'--path={path}' for path in self.whole)}")
        return tuple(lines)


def purge_of(project: Project, places: pd.DataFrame) -> Purge:
    """The purge for rows of LeakPlaces: whatever was found, in the order of its paths."""
    env_files = {source.path for source in project.env_sources if not source.example}
    try:
        listed = at_head(project.root)
    except GitFailed:  # without a repository that can be read nothing is at HEAD
        listed = {}
    head = {path.decode("utf-8", "surrogateescape") for paths in listed.values() for path in paths}
    place = places["place"]
    # An archive goes as a whole.
    held = {path.partition("!")[0] for path in places.loc[place.isin(_IN_FILES), "path"]} - {""}
    whole = {path for path in held if path in env_files or path not in head}
    messages, names = bool(place.isin(_IN_MESSAGES).any()), bool(place.eq("path").any())
    beside = sorted(set(places.loc[~place.isin(_IN_HISTORY), "path"]))
    tracked, texts = sorted(whole & head), sorted(held - whole)
    return Purge(
        project.root, tuple(sorted(whole)), tuple(tracked), tuple(texts), messages, names, tuple(beside)
    )

"""What a leak's purge must touch in git, and its commands: by path if a file must go, else by its text.

No command holds a value: the file of replacements is made from what somebody enters without echo.
Source: git-filter-repo's manual, "--invert-paths", "--replace-text", "--replace-message", callbacks.
"""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.base.git import GitFailed, run_git
from audit_lib.settings import Project

_IN_FILES = ("commit", "note", "stash", "other ref", "reflog", "unreachable", "staged")
_IN_MESSAGES = ("commit message", "commit author", "tag")
IN_HISTORY = (*_IN_FILES, *_IN_MESSAGES, "path", "git file", "git object")
_ENTERED = (
    "IFS= read -rs OLD_VALUE && export OLD_VALUE",
    'REPLACE=$(mktemp) && printf \'literal:%s==>REMOVED\\n\' "$OLD_VALUE" > "$REPLACE"',
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
        return bool(self.whole or self.texts or self.messages or self.names)

    @property
    def entered(self) -> bool:
        """Whether somebody must enter the value, because its text is replaced."""
        return bool(self.texts or self.messages or self.names)

    @property
    def commands(self) -> tuple[str, ...]:
        """The lines to type, in order, in one shell (bash or zsh); none holds a value."""
        return tuple(self._commands())

    def _commands(self) -> Iterator[str]:
        git = f"git -C {shlex.quote(str(self.root))}"
        filtered = f"{git} filter-repo --force"
        if self.tracked:
            yield f"{git} rm --cached -- {' '.join(map(shlex.quote, self.tracked))}"
            yield f'{git} commit -m "Stop tracking env files"'
        if self.entered:
            yield from _ENTERED
            yield f'{filtered} --replace-text "$REPLACE" --replace-message "$REPLACE"'
        if self.names:
            yield f"{filtered} --filename-callback {shlex.quote(_IN_NAMES)}"
        if self.entered:
            yield 'rm -f "$REPLACE"; unset OLD_VALUE REPLACE'
        if self.whole:
            paths = " ".join(shlex.quote(f"--path={path}") for path in self.whole)
            yield f"{filtered} --invert-paths {paths}"


def purge_of(project: Project, places: pd.DataFrame) -> Purge:
    """The purge for rows of LeakPlaces: whatever was found, in the order of its paths."""
    env_files = {source.path for source in project.env_sources if not source.example}
    head = _at_head(project.root)
    held = {row.path for row in rows(places[places["place"].isin(_IN_FILES)]) if row.path}
    held = {path.partition("!")[0] for path in held}  # an archive goes as a whole, or is made anew
    whole = {path for path in held if path in env_files or path not in head}
    beside = places[~places["place"].isin(IN_HISTORY)]
    return Purge(
        root=project.root,
        whole=tuple(sorted(whole)),
        tracked=tuple(sorted(whole & head)),
        texts=tuple(sorted(held - whole)),
        messages=bool(places["place"].isin(_IN_MESSAGES).any()),
        names=bool(places["place"].eq("path").any()),
        elsewhere=tuple(sorted(set(beside["path"]))),
    )


def _at_head(root: Path) -> set[str]:
    """The paths that HEAD holds; none without a repository that can be read."""
    try:
        listed = run_git(root, "ls-tree", "-r", "-z", "--name-only", "HEAD", ok=(0, 128))
    except GitFailed:
        return set()
    return {path.decode("utf-8", "surrogateescape") for path in listed.split(b"\0") if path}

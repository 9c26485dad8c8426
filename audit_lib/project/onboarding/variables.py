"""The names of the variables that a project's env files hold and its code reads; never a value."""

from collections.abc import Collection, Iterable
from pathlib import Path

from audit_lib.base.files import Unreadable, read_source
from audit_lib.project.discovery import files, words
from audit_lib.project.places import Project
from audit_lib.project.variables_in_text import Mention, in_code, in_env_text, is_code

MAX_BYTES = 1_000_000
MAX_CODE_FILES = 5_000

# What the machine or the build sets, not the application's owner.
NOT_CONFIGURED = words(
    """
    PATH HOME USER SHELL PWD TERM LANG TZ TMPDIR TEMP TMP CI NODE_ENV MODE DEV PROD SSR BASE_URL
    PORT HOSTNAME PYTHONPATH DJANGO_SETTINGS_MODULE VIRTUAL_ENV EDITOR PAGER NO_COLOR FORCE_COLOR
    DISPLAY
    """
)
BUILT = words("dist build out .output coverage public static")


def env_variables(project: Project, paths: Collection[str] | None = None) -> dict[str, tuple[Mention, ...]]:
    """Name: where the project's env files and examples have it, commented-out lines of examples too.

    With `paths` only those files are looked at.
    """
    return _by_name(
        mention
        for source in project.env_sources
        if paths is None or source.path in paths
        for mention in in_env_text(text_of(project, source.path), source.path, example=source.example)
    )


def text_of(project: Project, path: str) -> str:
    """The text of a file of the project; "" of one that cannot be read."""
    return _text(project.root, path)


def code_variables(project: Project, among: Collection[str] = ()) -> dict[str, tuple[Mention, ...]]:
    """Name: where the project's code reads it, of the first 5,000 code files of at most 1 MB each.

    With `among` only files with one of these names are looked at, which is much faster.
    """
    found: list[Mention] = []
    for path in code_files(project)[:MAX_CODE_FILES]:
        text = _text(project.root, path)
        if not among or any(name in text for name in among):
            found += in_code(text, path)
    return _by_name(mention for mention in found if mention.name not in NOT_CONFIGURED)


def code_files(project: Project) -> list[str]:
    """All code files of a project, in sorted order, without what a build wrote."""
    found = files(project.root)
    return [str(path) for path in found if is_code(path) and not BUILT.intersection(path.parts)]


def _by_name(mentions: Iterable[Mention]) -> dict[str, tuple[Mention, ...]]:
    found: dict[str, set[Mention]] = {}
    for mention in mentions:
        found.setdefault(mention.name, set()).add(mention)
    return {name: tuple(sorted(places)) for name, places in sorted(found.items())}


def _text(root: Path, path: str) -> str:
    # What cannot be read has no names here; coverage names it where it is a source.
    try:
        return read_source(root, path, MAX_BYTES).content.decode("utf-8-sig", "replace")
    except Unreadable:
        return ""

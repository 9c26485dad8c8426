"""The files of a project's logs: within it, in folders that its owner allows, or given with `--log`."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from audit_lib.base.files import OpenSource, open_source
from audit_lib.base.glob_paths import log_paths
from audit_lib.project import LogSource, Project
from audit_lib.project.outside import followed


@dataclass(frozen=True)
class LogFile:
    """One file: the folder below which no link is followed, its path below that, its name in the report."""

    root: Path
    path: str
    name: str
    dated: bool = True

    def open(self) -> AbstractContextManager[OpenSource]:
        """The file, opened once; raises `Unreadable` as `open_source` does."""
        return open_source(self.root, self.path)


def log_files(project: Project) -> list[tuple[LogSource, list[LogFile]]]:
    """Each source with its files by name; a file belongs to the first source that names it.

    A source that is not allowed has none, and nothing of its place is looked at.
    """
    seen: set[tuple[Path, str]] = set()
    claimed = []
    for source in project.log_sources:
        files = [file for file in _named(project, source) if (file.root, file.path) not in seen]
        seen.update((file.root, file.path) for file in files)
        claimed.append((source, files))
    return claimed


def is_outside(source: LogSource) -> bool:
    """Whether a source names logs by an absolute path."""
    return source.file is None and source.pattern.startswith("/")


def outside_logs(project: Project) -> list[str]:
    """The sources that name logs outside the project, as the report calls them."""

    def outside(source: LogSource) -> bool:
        return is_outside(source) if source.file is None else not source.file.is_relative_to(project.root)

    return [source.pattern for source in project.log_sources if outside(source)]


def allowed_folder(project: Project, source: LogSource) -> str:
    """The folder, of those that the owner allows, that an absolute pattern lies in; "" if there is none."""
    pattern = PurePosixPath(source.pattern)
    fitting = (folder for folder in project.log_folders if folder in map(str, pattern.parents))
    return max(fitting, key=len, default="")


def _named(project: Project, source: LogSource) -> list[LogFile]:
    if source.file is not None:
        return [_given(project, source, source.file)]
    if not is_outside(source):
        return [LogFile(project.root, path, path) for path in log_paths(project.root, source.pattern)]
    folder = allowed_folder(project, source)
    if not folder:
        return []
    root = followed(Path(folder), project.root, folder)
    below = str(PurePosixPath(source.pattern).relative_to(folder))
    return [LogFile(root, path, f"{folder}/{path}") for path in log_paths(root, below)]


def _given(project: Project, source: LogSource, file: Path) -> LogFile:
    """A file that the owner named; within the project no link is followed to it."""
    if file.is_relative_to(project.root):
        path = file.relative_to(project.root).as_posix()
        return LogFile(project.root, path, path, source.dated)
    return LogFile(file.parent, file.name, source.pattern, source.dated)

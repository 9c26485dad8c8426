"""Runs git's plumbing on a project that may be hostile: nothing of it is executed, nothing is fetched.

The flags and variables are those that executed nothing when tried (docs/leak_search.md#safety).
"""

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

from audit_lib.base.errors import BadInput
from audit_lib.base.git.child import bound_memory, bounded_answer, program
from audit_lib.base.git.sound import led_to, repository_naming, unsound

PLUMBING = (
    "blame", "cat-file", "check-ignore", "count-objects", "diff-tree", "for-each-ref", "fsck", "ls-files",
    "ls-tree", "reflog", "rev-list", "rev-parse", "show-ref",
)  # fmt: skip
# Each of these makes plumbing run a program that the repository's configuration names.
_RUNS_PROGRAMS = ("--textconv", "--filters", "--ext-diff", "--show-signature")
_OVERRIDES = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.excludesFile=/dev/null",
    "core.attributesFile=/dev/null",
    "core.pager=cat",
    "log.showSignature=false",
    "gpg.program=false",
    "gpg.ssh.program=false",
    "gpg.x509.program=false",
    "protocol.allow=never",
    "blame.ignoreRevsFile=",
    "mailmap.file=/dev/null",
    "mailmap.blob=",
    # Bounds of memory: what git would cache of a large history by default is as much again. With half of this
    # for deltas it takes half as long again to write all objects.
    "core.deltaBaseCacheLimit=64m",
    "core.packedGitLimit=32m",
    "core.packedGitWindowSize=4m",
    "core.bigFileThreshold=32m",
)
_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": f"{os.devnull}/none",  # an empty file would be complained of
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_ASKPASS": "false",
    "LC_ALL": "C",
}
# No values in a child's environment: only what a program needs to start is handed on.
_INHERITED = ("PATH", "SYSTEMROOT", "TMPDIR", "TEMP")
TIMEOUT_SECONDS = 60
_FOLLOWED: dict[Path, Path] = {}  # working trees, and the repository outside that each may be asked of


class GitFailed(BadInput):
    """git could not answer, so the answer is not known. Its own message could hold a value: not quoted."""


def is_repository(root: Path) -> bool:
    """Whether the project's own folder holds a repository that may be read and git is there to read it."""
    try:
        run_git(root, "rev-parse", "--git-dir")
    except GitFailed:
        return False
    return True


def run_git(
    root: Path,
    *args: str,
    input: bytes | None = None,  # noqa: A002
    ok: tuple[int, ...] = (0,),
    index: Path | None = None,
) -> bytes:
    """What a plumbing command writes. `GitFailed` for a repository that leads out of the project, an exit
    code that is not in `ok` (the answer would be incomplete) and after `TIMEOUT_SECONDS`.

    `index` is another index file than the repository's own, within its folder.
    """
    command, environment = _call(root, args)
    if index is not None:
        environment["GIT_INDEX_FILE"] = str(_own_file(root, index))
    process = _started(root, command, environment, stderr=subprocess.DEVNULL)
    answer, fault = bounded_answer(process, input or b"", TIMEOUT_SECONDS)
    if fault or process.returncode not in ok:
        raise GitFailed.at(f"git {args[0]}", fault or f"ended with {process.returncode}")
    return answer


def git_process(root: Path, *args: str, stderr: int = subprocess.DEVNULL) -> "subprocess.Popen[bytes]":
    """A running plumbing command with stdin and stdout as pipes, for streams such as `cat-file --batch`.

    The caller closes it and must take a return code other than 0 for "incomplete".
    """
    return _started(root, *_call(root, args), stderr=stderr)


def _started(
    root: Path, command: list[str], environment: dict[str, str], *, stderr: int
) -> "subprocess.Popen[bytes]":
    try:
        process = subprocess.Popen(
            command, cwd=root, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr
        )
    except OSError:
        raise GitFailed.at("git", "cannot be run: install git") from None
    bound_memory(process)
    return process


def tracked(root: Path) -> set[str]:
    """The paths in the index, relative to the root."""
    return _paths(run_git(root, "ls-files", "-z"))


def authors(root: Path) -> set[str]:
    """Names and addresses of everybody who wrote or committed a commit of any ref, in lower case."""
    told = run_git(root, "rev-list", "--all", "--format=%an%n%ae%n%cn%n%ce").decode("utf-8", "replace")
    return {line.strip().lower() for line in told.splitlines() if not line.startswith("commit ")}


def ignored(root: Path, paths: Iterable[str]) -> set[str]:
    """Which of the paths a pattern of the project covers, tracked or not (docs/rules.md#rule-97)."""
    listed = b"".join(os.fsencode(path) + b"\0" for path in sorted(paths))
    if not listed:
        return set()
    return _paths(run_git(root, "check-ignore", "-z", "--stdin", "--no-index", input=listed, ok=(0, 1)))


def _paths(output: bytes) -> set[str]:
    return {os.fsdecode(path) for path in output.split(b"\0") if path}


def _call(root: Path, args: tuple[str, ...]) -> tuple[list[str], dict[str, str]]:
    """The command line and the whole environment of a safe call."""
    converts = args[0] == "blame" and "--no-textconv" not in args
    if args[0] not in PLUMBING or converts or any(arg.startswith(_RUNS_PROGRAMS) for arg in args):
        raise ValueError(f"git {args[0]} could run a program that the repository names")
    root = root.resolve()
    git_dir = _git_dir(root)
    overrides = (*_OVERRIDES, f"safe.directory={root}")
    git = program("git")
    if not git:
        raise GitFailed.at("git", "cannot be run: install git")
    command = [git, "--no-pager", *(part for override in overrides for part in ("-c", override)), *args]
    environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    place = {"GIT_DIR": str(git_dir), "GIT_WORK_TREE": str(root), "GIT_CEILING_DIRECTORIES": str(root.parent)}
    return command, environment | _ENVIRONMENT | place


def follow_link(root: Path) -> None:
    """From now on git is asked in the repository of this worktree or submodule, too, if that names it.

    For the working tree of who runs the command alone: nothing outside an audited project is read.
    """
    root = root.resolve()
    if (repository := repository_naming(root)) is not None:
        _FOLLOWED[root] = repository


def _git_dir(root: Path) -> Path:
    """The repository's folder; `GitFailed` if it, its common folder or objects are outside the project."""
    git_dir = root / ".git"
    if git_dir.is_symlink() or not (git_dir.is_dir() or git_dir.is_file()):
        raise GitFailed.at(".git", "is not a folder of this project")
    base = _FOLLOWED.get(root, root)
    if git_dir.is_file():
        git_dir = _led_to(git_dir, base, "gitdir:")
    common = _led_to(git_dir / "commondir", base) if (git_dir / "commondir").exists() else git_dir
    for folder in dict.fromkeys((git_dir, common)):
        if fault := unsound(folder, base):
            raise GitFailed.at(".git", fault)
        if (folder / "objects").is_symlink() or (folder / "objects" / "info" / "alternates").exists():
            raise GitFailed.at(".git/objects", "leads out of the project, and nothing is read there")
    return git_dir


def _own_file(root: Path, path: Path) -> Path:
    """A file of the repository's folder by its path; `GitFailed` for any other."""
    git_dir, path = _git_dir(root.resolve()).resolve(), root / path
    if path.is_symlink() or not path.is_file() or path.parent.resolve() != git_dir:
        raise GitFailed.at("GIT_INDEX_FILE", "is not a file of this repository")
    return path.resolve()


def _led_to(pointer: Path, base: Path, label: str = "") -> Path:
    """The folder that a pointer file names, which must be within `base`."""
    try:
        target = led_to(pointer, label)
    except (OSError, ValueError):
        raise GitFailed.at(pointer.name, "cannot be read") from None
    if not target.is_relative_to(base):
        raise GitFailed.at(pointer.name, "leads out of the project, and nothing is read there")
    return target

"""Runs git's plumbing on a project that may be hostile: nothing of it is executed, nothing is fetched.

git gets a folder of its own with our configuration: what the repository's includes or runs, its hooks and its
monitors are then nobody's business. Only `objects` and `refs` must be plain files: git would follow a link.
"""

import io
import os
import re
import resource
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import NamedTuple

from audit_lib.base.errors import BadInput
from audit_lib.base.files import Unreadable, read_source

SECONDS = 600  # that one child may run
MAX_OUTPUT = 256 << 20  # bytes of an answer that is held whole
MEMORY = 4 << 30  # bytes of address space of one child
MOST_ENTRIES = 500_000  # files of a repository
LARGEST_OBJECT = 64 << 20  # bytes that are held; of a larger one the windows overlap by …
OVERLAP = 1 << 16  # … so many bytes
_SMALL = 1 << 20  # bytes of a configuration or a pointer
_OWN = tomllib.loads(Path(__file__).with_name("git.toml").read_text("utf-8"))
_EXTENSION = re.compile(r"(?im)^[ \t]*(?:objectformat|refstorage)[ \t]*=[ \t]*\w{1,20}[ \t]*$")
_WORKTREE = re.compile(r"(?im)^[ \t]*worktree[ \t]*=[ \t]*\"?([^\"#;\r\n]+)")
_HEADER = re.compile(rb"([0-9a-f]{40,64}) (blob|tree|commit|tag) (\d{1,19})\n")


class GitFailed(BadInput):
    """git could not answer, so the answer is not known. Its own message could hold a value: not quoted."""


class Repository(NamedTuple):
    """Where git reads: the top of the working tree, its own folder and the one that it shares."""

    top: Path
    git_dir: Path  # HEAD and index
    common: Path  # objects and refs


def repository_above(root: Path) -> Path | None:
    """The top of the repository that a project is the top or a folder of; None if there is none."""
    root = root.resolve()
    return next((folder for folder in (root, *root.parents) if os.path.lexists(folder / ".git")), None)


def find_repository(root: Path) -> Repository:
    """The repository that a project is the top or a folder of (SECURITY.md#untrusted-text).

    Of a worktree or a submodule it lies elsewhere, and counts if it names this working tree in turn. Raises
    `GitFailed` for none, for one that borrows objects, and for one that is not of plain files.
    """
    top = repository_above(root)
    if top is None or (top / ".git").is_symlink() or not (top / ".git").exists():
        raise GitFailed.at(".git", "is not a folder of this project")
    try:
        git_dir = _named_by(top / ".git") if (top / ".git").is_file() else top / ".git"
        shared = git_dir / "commondir"
        common = _named_by(shared) if shared.exists() else git_dir
        within = git_dir.is_relative_to(top) and common.is_relative_to(top)
        known = within or _names_back(git_dir, common, top)
    except (Unreadable, OSError, ValueError):
        raise GitFailed.at(".git", "cannot be read") from None
    GitFailed.unless(known, ".git", "leads out of the project, and nothing is read there")
    GitFailed.unless(
        not (common / "objects" / "info" / "alternates").exists(),
        ".git/objects",
        "borrows objects of another repository, which is not read: `git repack -a -d`, then delete "
        "info/alternates",
    )
    _require_sound(common)
    return Repository(top, git_dir, common)


def _named_by(pointer: Path) -> Path:
    return (pointer.parent / _text(pointer).removeprefix("gitdir:").strip()).resolve()


def _names_back(git_dir: Path, common: Path, top: Path) -> bool:
    """Whether a repository has this working tree, as `git worktree add` and `git submodule` write it."""
    if common != git_dir:
        named = Path(_text(git_dir / "gitdir").strip())
        return git_dir.parent == common / "worktrees" and named == top / ".git"
    tree = _WORKTREE.search(_text(git_dir / "config"))
    return tree is not None and (git_dir / tree[1].strip()).resolve() == top


def _text(path: Path) -> str:
    """A small plain file's text. Raises `Unreadable` or `ValueError` for anything else."""
    return read_source(path.parent, path.name, _SMALL).content.decode()


def _require_sound(git_dir: Path) -> None:
    count, folders = 0, [git_dir / "objects", git_dir / "refs"]
    plain = not any(folder.is_symlink() for folder in folders)
    while plain and folders and count <= MOST_ENTRIES:
        with suppress(FileNotFoundError), os.scandir(folders.pop()) as listed:
            for entry in islice(listed, MOST_ENTRIES + 1):
                count += 1
                is_folder = entry.is_dir(follow_symlinks=False)
                folders += [Path(entry.path)] if is_folder else []
                plain = plain and (is_folder or entry.is_file(follow_symlinks=False))
    GitFailed.unless(
        plain,
        ".git",
        "has a link, a FIFO or a device in its objects or refs: git could wait, or read anything",
    )
    GitFailed.unless(count <= MOST_ENTRIES, ".git", f"has more than {MOST_ENTRIES:,} files")
    pack = git_dir / "objects" / "pack"
    packs, indexes = ({each.stem for each in pack.glob(f"pack-*.{end}")} for end in ("pack", "idx"))
    GitFailed.unless(packs == indexes, ".git", "has a pack without its index, or an index without its pack")


@contextmanager
def _own_folder(repository: Repository) -> Iterator[Path]:
    """A folder with our configuration that git takes for the repository's own.

    Of the repository's configuration it has the format of objects and refs alone. HEAD is copied, refs are
    links, and the objects are where the environment says. Raises `GitFailed` if HEAD cannot be read.
    """
    with TemporaryDirectory(prefix="audit-git-") as made:
        folder, common = Path(made), repository.common
        try:
            config = _text(common / "config") if (common / "config").exists() else ""
            (folder / "HEAD").write_text(_text(repository.git_dir / "HEAD"), "utf-8")
        except (Unreadable, OSError, ValueError):
            raise GitFailed.at(".git", "has a HEAD or a config that cannot be read") from None
        (folder / "config").write_text("\n".join([_OWN["config"], *_EXTENSION.findall(config), ""]), "utf-8")
        (folder / "objects").mkdir()
        names = ("refs", "packed-refs", "reftable", "worktrees", "info")
        for name in (name for name in names if (common / name).exists()):
            (folder / name).symlink_to(common / name)
        (folder / "refs").mkdir(exist_ok=True)
        yield folder


def program(name: str) -> str:
    """A program's absolute path, looked for in absolute folders alone: "." would be the project's; or ""."""
    folders = [part for part in os.environ.get("PATH", "").split(os.pathsep) if Path(part).is_absolute()]
    return shutil.which(name, path=os.pathsep.join(folders)) or "" if folders else ""


@contextmanager
def running(
    root: Path,
    args: tuple[str, ...],
    lines: Iterable[str | bytes] = (),
    *,
    ok: tuple[int, ...] = (0,),
    complains: bool = False,
    index: Path | None = None,
) -> Iterator[io.BufferedReader]:
    """A plumbing command's output, while it runs; `index` is another index file in the repository's folder.

    Raises `GitFailed` at the end if the answer is not complete: by git's exit code, unless it is `ok`, by its
    time, or by a complaint on stderr, unless it `complains` anyway. `ValueError` for a command that could run
    a program which the repository names.
    """
    if args[0] not in _OWN["plumbing"] or any(arg.startswith(tuple(_OWN["runs_programs"])) for arg in args):
        raise ValueError(f"git {args[0]} could run a program that the repository names")
    place, repository = f"git {args[0]}", find_repository(root)
    own_index = root / index if index else repository.git_dir / "index"
    beside = own_index.resolve().parent == repository.git_dir.resolve() and not own_index.is_symlink()
    GitFailed.unless(beside or not index, "GIT_INDEX_FILE", "is not a file of this repository")
    with _own_folder(repository) as folder, TemporaryFile() as questions, TemporaryFile() as complaints:
        questions.writelines(  # to a file, since git answers while it is still being asked
            line if isinstance(line, bytes) else f"{line}\n".encode("ascii") for line in lines
        )
        questions.seek(0)
        pipes = {"stdin": questions, "stdout": subprocess.PIPE, "stderr": complaints}
        environment = {
            **{name: os.environ[name] for name in _OWN["inherited"] if name in os.environ},
            **_OWN["environment"],
            "GIT_DIR": str(folder),
            "GIT_WORK_TREE": str(repository.top),
            "GIT_OBJECT_DIRECTORY": str(repository.common / "objects"),
            "GIT_INDEX_FILE": str(own_index),
            "GIT_SHALLOW_FILE": str(repository.common / "shallow"),
        }
        try:
            process = subprocess.Popen(  # type: ignore[call-overload]
                [program("git"), "--no-pager", *args], cwd=root, env=environment, **pipes
            )
        except OSError:
            raise GitFailed.at("git", "cannot be run: install git") from None
        if sys.platform == "linux":  # between fork and exec Python must not run
            with suppress(OSError, ValueError):
                resource.prlimit(process.pid, resource.RLIMIT_AS, (MEMORY, MEMORY))
        timer = threading.Timer(SECONDS, process.kill)
        timer.start()
        try:
            with process.stdout:
                yield process.stdout
            code, in_time = process.wait(), timer.is_alive()
        finally:
            timer.cancel()
            process.kill()
            process.wait()
        GitFailed.unless(in_time, place, f"took more than {SECONDS} s")
        GitFailed.unless(code in ok, place, f"ended with {code}")
        silent = complains or not os.fstat(complaints.fileno()).st_size
        GitFailed.unless(silent, place, "complained of something: it is incomplete")


def run_git(
    root: Path, *args: str, stdin: bytes = b"", ok: tuple[int, ...] = (0,), index: Path | None = None
) -> bytes:
    """What a plumbing command writes, as a whole.

    Raises `GitFailed` as `running` does, and for an answer of more than `MAX_OUTPUT` bytes.
    """
    with running(root, args, [stdin], ok=ok, complains=True, index=index) as stream:
        answer = stream.read(MAX_OUTPUT + 1)
        GitFailed.unless(
            len(answer) <= MAX_OUTPUT, f"git {args[0]}", f"answered with more than {MAX_OUTPUT:,} bytes"
        )
        return answer


class GitObject(NamedTuple):
    """An object, or a window of a large one."""

    oid: str
    kind: str  # blob | tree | commit | tag
    content: bytes
    start: int = 0  # bytes of the object before this window
    size: int = 0  # of the whole object


def read_objects(root: Path, oids: Iterable[str], missing: list[str]) -> Iterator[GitObject]:
    """The objects named; ids of those that are not there go into `missing`.

    Raises `GitFailed` if git fails: what came before is then incomplete."""
    with running(root, ("cat-file", "--batch", "--buffer"), oids) as stream:
        while line := stream.readline():
            if header := _HEADER.fullmatch(line):
                yield from _windows(stream, header[1].decode(), header[2].decode(), int(header[3]))
            else:
                name, _, state = line.strip().partition(b" ")
                GitFailed.unless(state == b"missing", "git cat-file", "is out of step: an object is broken")
                missing.append(name.decode("ascii", "replace"))


def _windows(stream: io.BufferedReader, oid: str, kind: str, size: int) -> Iterator[GitObject]:
    broken, content = "returned less of an object than its size: it is broken", b""
    for start in range(0, max(size, 1), LARGEST_OBJECT):
        carried, wanted = content[-OVERLAP:], min(size - start, LARGEST_OBJECT)
        content = carried + stream.read(wanted)
        GitFailed.unless(len(content) == len(carried) + wanted, "git cat-file", broken)
        yield GitObject(oid, kind, content, start - len(carried), size)
    GitFailed.unless(stream.read(1) == b"\n", "git cat-file", broken)


def is_repository(root: Path) -> bool:
    """Whether a project is in a repository that may be read and git is there to read it."""
    with suppress(GitFailed):
        return bool(run_git(root, "rev-parse", "--git-dir"))
    return False


def tracked(root: Path) -> set[str]:
    """The paths in the index, relative to the root and below it. Raises `GitFailed`."""
    return set(os.fsdecode(run_git(root, "ls-files", "-z")).split("\0")) - {""}


def ignored(root: Path, paths: Iterable[str]) -> set[str]:
    """Which of the paths, relative to the root, a pattern of the project covers, tracked or not
    (docs/rules.md#rule-97). Raises `GitFailed`, as for a project without a repository."""
    listed = b"".join(os.fsencode(path) + b"\0" for path in sorted(paths))
    command = ("check-ignore", "-z", "--stdin", "--no-index")
    covered = run_git(root, *command, stdin=listed, ok=(0, 1)) if listed else b""
    return set(os.fsdecode(covered).split("\0")) - {""}


def authors(root: Path) -> set[str]:
    """Names and addresses of everybody who wrote or committed a commit of any ref, in lower case.

    Raises `GitFailed` if the history cannot be read in full.
    """
    listed = run_git(root, "rev-list", "--all", "--format=%an%n%ae%n%cn%n%ce").decode("utf-8", "replace")
    return {line.strip().lower() for line in listed.splitlines() if not line.startswith("commit ")}


def head_of(root: Path) -> str:
    """The commit that is checked out; "" if the project has no repository or no commit."""
    with suppress(GitFailed):
        return run_git(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}").decode("ascii").strip()
    return ""

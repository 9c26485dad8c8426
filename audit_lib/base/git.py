"""Runs git's plumbing on a project that may be hostile: nothing of it is executed, nothing is fetched.

git gets a folder of its own, with our configuration and the repository's refs, index and objects in it: what
the repository's configuration includes or runs, its hooks and its monitors are then nobody's business. Only
`objects` and `refs` must be plain files, since git follows a link and waits for a FIFO there.
"""

import io
import os
import re
import resource
import shutil
import stat
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, NamedTuple, cast

from audit_lib.base.errors import BadInput

PLUMBING = (
    "blame", "cat-file", "check-ignore", "count-objects", "diff-tree", "for-each-ref", "fsck", "ls-files",
    "ls-tree", "reflog", "rev-list", "rev-parse", "show-ref",
)  # fmt: skip
# Each of these makes plumbing run a program, or convert by one.
_RUNS_PROGRAMS = ("--textconv", "--filters", "--ext-diff", "--show-signature")
_CONFIG = """[core]
  bare = false
  repositoryFormatVersion = 1
  fsmonitor = false
  hooksPath = /dev/null
  excludesFile = /dev/null
  attributesFile = /dev/null
  deltaBaseCacheLimit = 64m
  packedGitLimit = 32m
  packedGitWindowSize = 4m
  bigFileThreshold = 32m
[protocol]
  allow = never
[mailmap]
  blob =
  file = /dev/null
[extensions]
"""
_EXTENSION = re.compile(rb"(?im)^[ \t]*(objectformat|refstorage)[ \t]*=[ \t]*(\w{1,20})[ \t]*$")
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
SECONDS = 600  # that one child may run …
ANSWER_SECONDS = 60  # … if its answer is held whole
MAX_OUTPUT = 256 << 20  # bytes of such an answer
MEMORY = 4 << 30  # bytes of address space of one child
MOST_ENTRIES = 500_000  # files of a repository
LARGEST_OBJECT = 64 << 20  # bytes that are held; of a larger one the windows overlap by …
OVERLAP = 1 << 16  # … so many bytes
MOST_FILES = 40  # whose lines are asked for
_PIECE = 1 << 20
_SMALL = 1 << 20  # bytes of a configuration or a pointer
_HEADER = re.compile(rb"([0-9a-f]{40,64}) (blob|tree|commit|tag) (\d{1,19})\n")
_AUTHOR = re.compile(rb"^author .*<([^<>\n]*)> \d+ [+-]\d{4}$", re.MULTILINE)
_BLAMED = re.compile(rb"[0-9a-f]{40,64} \d+ (\d+)( \d+)?")
_WORKTREE = re.compile(r"(?im)^[ \t]*worktree[ \t]*=[ \t]*\"?([^\"#;\r\n]+)")
_followed: set[Path] = set()  # projects whose worktree or alternates may lead out of them


class GitFailed(BadInput):
    """git could not answer, so the answer is not known. Its own message could hold a value: not quoted."""


@dataclass(frozen=True)
class Repository:
    """Where git reads: the top of the working tree, its own folder and the one that it shares."""

    top: Path
    git_dir: Path  # HEAD and index
    common: Path  # objects and refs


def program(name: str) -> str:
    """A program's absolute path, looked for in absolute folders alone: "." would be the project's; or ""."""
    folders = [part for part in os.environ.get("PATH", "").split(os.pathsep) if Path(part).is_absolute()]
    return shutil.which(name, path=os.pathsep.join(folders)) or "" if folders else ""


def follow_link(root: Path) -> None:
    """From now on this project's worktree or alternates may lead out of it, as the reviewer alone may say."""
    _followed.add(root.resolve())


def find_repository(root: Path) -> Repository:
    """The repository that a project is the top or a folder of.

    Raises:
        GitFailed: there is none, it leads out of the project, or it is not of plain files.
    """
    root = root.resolve()
    top = next((one for one in (root, *root.parents) if os.path.lexists(one / ".git")), None)
    git_dir = top / ".git" if top else root / ".git"
    if top is None or git_dir.is_symlink() or not (git_dir.is_dir() or git_dir.is_file()):
        raise GitFailed.at(".git", "is not a folder of this project")
    follows = bool(_followed & {root, top})
    if git_dir.is_file():
        git_dir = _named_by(git_dir, top, "gitdir:", follows=follows)
    common = git_dir
    if (git_dir / "commondir").exists():
        common = _named_by(git_dir / "commondir", top, "", follows=follows)
    if follows and not (top / ".git").is_dir() and not _names_back(git_dir, common, top):
        raise GitFailed.at(".git", "leads out of the project, and nothing is read there")
    if not follows and (common / "objects" / "info" / "alternates").exists():
        raise GitFailed.at(".git/objects", "leads out of the project, and nothing is read there")
    if fault := unsound(common):
        raise GitFailed.at(".git", fault)
    return Repository(top, git_dir, common)


def is_repository(root: Path) -> bool:
    """Whether a project is in a repository that may be read and git is there to read it."""
    try:
        run_git(root, "rev-parse", "--git-dir")
    except GitFailed:
        return False
    return True


def unsound(git_dir: Path) -> str:
    """What is wrong with a repository's objects and refs, in words; "" if nothing is."""
    count = 0
    for name in ("objects", "refs"):
        folders = [git_dir / name]
        if folders[0].is_symlink():
            return f"has a link in its {name}, through which git could read anything"
        while folders:
            with suppress(FileNotFoundError), os.scandir(folders.pop()) as listed:
                for entry in listed:
                    count += 1
                    mode = entry.stat(follow_symlinks=False).st_mode
                    if count > MOST_ENTRIES:
                        return f"has more than {MOST_ENTRIES:,} files"
                    if stat.S_ISDIR(mode):
                        folders.append(Path(entry.path))
                    elif not stat.S_ISREG(mode):
                        return f"has a link, a FIFO or a device in its {name}, through which git could wait"
    packs, indexes = (
        {path.stem for path in (git_dir / "objects" / "pack").glob(f"pack-*.{end}")}
        for end in ("pack", "idx")
    )
    return "has a pack without its index, or an index without its pack" if packs != indexes else ""


def _named_by(pointer: Path, top: Path, label: str, *, follows: bool) -> Path:
    """The folder that a pointer file names, which must be in the working tree unless the reviewer follows."""
    try:
        target = (pointer.parent / _text(pointer).removeprefix(label).strip()).resolve()
    except (OSError, ValueError):
        raise GitFailed.at(pointer.name, "cannot be read") from None
    if not (follows or target.is_relative_to(top)):
        raise GitFailed.at(pointer.name, "leads out of the project, and nothing is read there")
    return target


def _names_back(git_dir: Path, common: Path, top: Path) -> bool:
    """Whether a repository has this working tree, as `git worktree add` and `git submodule` write it."""
    try:
        if common != git_dir:
            return (
                git_dir.parent == common / "worktrees"
                and Path(_text(git_dir / "gitdir").strip()) == top / ".git"
            )
        found = _WORKTREE.search(_text(git_dir / "config"))
        return found is not None and (git_dir / found[1].strip()).resolve() == top
    except (OSError, ValueError):
        return False


def _text(path: Path) -> str:
    """A small plain file's text. Raises `OSError` or `ValueError` for anything else."""
    if not stat.S_ISREG(path.lstat().st_mode):
        raise OSError
    with path.open("rb") as file:
        return file.read(_SMALL).decode()


@contextmanager
def _own_folder(repository: Repository, *, with_logs: bool) -> Iterator[Path]:
    """A folder with our configuration that git takes for the repository's."""
    with TemporaryDirectory(prefix="audit-git-") as made:
        folder = Path(made)
        try:
            config = _text(repository.common / "config") if (repository.common / "config").exists() else ""
            head = _text(repository.git_dir / "HEAD")
        except (OSError, ValueError):
            raise GitFailed.at(".git", "has a HEAD or a config that cannot be read") from None
        known = _EXTENSION.findall(config.encode())
        lines = [f"  {name.decode()} = {value.decode()}\n" for name, value in known]
        (folder / "config").write_text(_CONFIG + "".join(lines), "utf-8")
        (folder / "HEAD").write_text(head, "utf-8")
        (folder / "objects").mkdir()  # where the objects are the environment says
        for name in ("refs", "packed-refs", "reftable", "worktrees", "info"):
            if (repository.common / name).exists():
                (folder / name).symlink_to(repository.common / name)
        if not (folder / "refs").exists():
            (folder / "refs").mkdir()
        if with_logs:
            _copy_logs(repository.common / "logs", folder / "logs")
        yield folder


def _copy_logs(logs: Path, copy: Path) -> None:
    """The reflogs as they are: git does not follow a link to them. Raises `GitFailed` for too much."""
    left = MAX_OUTPUT
    for folder, _, names in os.walk(logs):
        below = copy / Path(folder).relative_to(logs)
        below.mkdir(parents=True)
        for path in (Path(folder, name) for name in names):
            facts = path.lstat()
            if stat.S_ISREG(facts.st_mode):
                left -= facts.st_size
                if left < 0:
                    raise GitFailed.at(".git", f"has reflogs of more than {MAX_OUTPUT:,} bytes")
                shutil.copyfile(path, below / path.name)


@contextmanager
def _started(
    root: Path, args: tuple[str, ...], seconds: int, index: Path | None = None
) -> Iterator[tuple["subprocess.Popen[bytes]", IO[bytes], threading.Timer]]:
    """A running command, what it complains of, and the timer that ends it."""
    converts = args[0] == "blame" and "--no-textconv" not in args
    if args[0] not in PLUMBING or converts or any(arg.startswith(_RUNS_PROGRAMS) for arg in args):
        raise ValueError(f"git {args[0]} could run a program that the repository names")
    repository = find_repository(root)
    own_index = repository.git_dir / "index" if index is None else _own_index(repository, root / index)
    git = program("git")
    with_logs = args[0] in ("reflog", "fsck") or "--reflog" in args
    with _own_folder(repository, with_logs=with_logs) as folder, TemporaryFile() as complaints:
        environment = {name: os.environ[name] for name in _INHERITED if name in os.environ} | _ENVIRONMENT
        environment |= {
            "GIT_DIR": str(folder),
            "GIT_WORK_TREE": str(repository.top),
            "GIT_OBJECT_DIRECTORY": str(repository.common / "objects"),
            "GIT_INDEX_FILE": str(own_index),
            "GIT_SHALLOW_FILE": str(repository.common / "shallow"),
        }
        try:
            process = subprocess.Popen(
                [git or "git", "--no-pager", *args],
                cwd=root,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
            )
        except OSError:
            raise GitFailed.at("git", "cannot be run: install git") from None
        _bound_memory(process)
        timer = threading.Timer(seconds, process.kill)
        timer.start()
        try:
            yield process, complaints, timer
        finally:
            timer.cancel()
            process.kill()
            process.wait()
            for pipe in (process.stdout, process.stdin):
                with suppress(OSError, ValueError):
                    pipe.close()  # type: ignore[union-attr]


def _own_index(repository: Repository, path: Path) -> Path:
    """Another index file of the repository's folder by its path; `GitFailed` for any other."""
    if path.is_symlink() or not path.is_file() or path.parent.resolve() != repository.git_dir.resolve():
        raise GitFailed.at("GIT_INDEX_FILE", "is not a file of this repository")
    return path.resolve()


def _bound_memory(process: "subprocess.Popen[bytes]") -> None:
    """Bound the address space of a child, where the system can; between fork and exec Python must not run."""
    if sys.platform == "linux":
        with suppress(OSError, ValueError):
            resource.prlimit(process.pid, resource.RLIMIT_AS, (MEMORY, MEMORY))


def _feed(pipe: IO[bytes], lines: Iterable[bytes]) -> threading.Thread:
    """Writes from a thread of its own: git answers while it is still being asked."""

    def write() -> None:
        with suppress(OSError, ValueError):
            for line in lines:
                pipe.write(line)
        with suppress(OSError, ValueError):
            pipe.close()

    feeder = threading.Thread(target=write, daemon=True)
    feeder.start()
    return feeder


def run_git(
    root: Path,
    *args: str,
    input: bytes = b"",  # noqa: A002
    ok: tuple[int, ...] = (0,),
    index: Path | None = None,
) -> bytes:
    """What a plumbing command writes. `GitFailed` for a repository that may not be read, an exit code that is
    not in `ok` (the answer would be incomplete), a too large answer, and after `ANSWER_SECONDS`.

    `index` is another index file than the repository's own, within its folder.
    """
    with _started(root, args, ANSWER_SECONDS, index) as (process, _, timer):
        assert process.stdin is not None
        assert process.stdout is not None
        _feed(process.stdin, [input])
        answer = process.stdout.read(MAX_OUTPUT + 1)
        if len(answer) > MAX_OUTPUT:
            raise GitFailed.at(f"git {args[0]}", f"answered with more than {MAX_OUTPUT:,} bytes")
        code = process.wait()
        if not timer.is_alive():
            raise GitFailed.at(f"git {args[0]}", f"took more than {ANSWER_SECONDS} s")
        if code not in ok:
            raise GitFailed.at(f"git {args[0]}", f"ended with {code}")
        return answer


@contextmanager
def running(root: Path, args: tuple[str, ...], lines: Iterable[str] = ()) -> Iterator[io.BufferedReader]:
    """A plumbing command's output; `GitFailed` at the end if the answer is not complete.

    It is not if git ends with an exit code other than 0, has something to complain of, or takes too long.
    """
    with _started(root, args, SECONDS) as (process, complaints, timer):
        assert process.stdin is not None
        assert process.stdout is not None
        _feed(process.stdin, (f"{line}\n".encode("ascii") for line in lines))
        yield cast(io.BufferedReader, process.stdout)
        process.stdout.close()
        code = process.wait()
        if not timer.is_alive():
            raise GitFailed.at(f"git {args[0]}", f"took more than {SECONDS} s")
        if code != 0:
            raise GitFailed.at(f"git {args[0]}", f"ended with {code}")
        if os.fstat(complaints.fileno()).st_size:
            raise GitFailed.at(f"git {args[0]}", "complained of something: it is incomplete")


def pieces(stream: io.BufferedReader) -> Iterator[bytes]:
    """All that comes, in pieces."""
    while piece := stream.read(_PIECE):
        yield piece


class GitObject(NamedTuple):
    """An object, or a window of a large one."""

    oid: str
    kind: str  # blob | tree | commit | tag
    content: bytes
    start: int = 0  # bytes of the object before this window
    size: int = 0  # of the whole object


def read_objects(
    root: Path, oids: Iterable[str] | None = None, missing: list[str] | None = None
) -> Iterator[GitObject]:
    """All objects, reachable or not, or those named; ids of those that are not there go into `missing`.

    Raises `GitFailed` where git fails: what came before is then incomplete.
    """
    every = ("--batch-all-objects", "--unordered") if oids is None else ()
    with running(root, ("cat-file", "--batch", "--buffer", *every), oids or ()) as stream:
        while line := stream.readline():
            header = _HEADER.fullmatch(line)
            if header is None:
                name, _, state = line.strip().partition(b" ")
                if state != b"missing":
                    raise GitFailed.at("git cat-file", "is out of step: an object is broken")
                (missing if missing is not None else []).append(name.decode("ascii", "replace"))
                continue
            oid, kind, size = header[1].decode("ascii"), header[2].decode("ascii"), int(header[3])
            left, start, carried = size, 0, b""
            while True:
                wanted = min(left, LARGEST_OBJECT)
                content = carried + stream.read(wanted)
                if len(content) < len(carried) + wanted:
                    raise GitFailed.at("git cat-file", "ended in the middle of an object")
                yield GitObject(oid, kind, content, start, size)
                left -= wanted
                if not left:
                    break
                carried = content[-OVERLAP:]
                start += len(content) - len(carried)
            if stream.read(1) != b"\n":
                raise GitFailed.at("git cat-file", "returned less of an object than its size: it is broken")


def tracked(root: Path) -> set[str]:
    """The paths in the index, relative to the root and below it."""
    return _paths(run_git(root, "ls-files", "-z"))


def ignored(root: Path, paths: Iterable[str]) -> set[str]:
    """Which of the paths a pattern of the project covers, tracked or not (docs/rules.md#rule-97)."""
    listed = b"".join(os.fsencode(path) + b"\0" for path in sorted(paths))
    if not listed:
        return set()
    return _paths(run_git(root, "check-ignore", "-z", "--stdin", "--no-index", input=listed, ok=(0, 1)))


def _paths(output: bytes) -> set[str]:
    return {os.fsdecode(path) for path in output.split(b"\0") if path}


def authors(root: Path) -> set[str]:
    """Names and addresses of everybody who wrote or committed a commit of any ref, in lower case."""
    listed = run_git(root, "rev-list", "--all", "--format=%an%n%ae%n%cn%n%ce").decode("utf-8", "replace")
    return {line.strip().lower() for line in listed.splitlines() if not line.startswith("commit ")}


def refuse_part_of_repository(root: Path) -> None:
    """Raises `BadInput`, which names the repository, if a project without a .git lies in a larger one."""
    root = root.resolve()
    above = next((folder for folder in root.parents if os.path.lexists(folder / ".git")), None)
    if above is not None and not os.path.lexists(root / ".git"):
        shown = str(above) if str(above).isprintable() else ascii(str(above))
        fault = f"is a folder of the git repository {shown}: give that as the project, to search its history"
        raise BadInput.at("project", fault)


def head_of(root: Path) -> str:
    """The commit that is checked out; "" if the project has no repository or no commit."""
    return _answer(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")


def last_change(root: Path, path: str) -> tuple[str, str]:
    """The last commit that changed a file, and its author's e-mail address; each "" if git tells none."""
    commit = _answer(root, "rev-list", "--max-count=1", "HEAD", "--", path)
    if not commit:
        return "", ""
    found = _AUTHOR.search(run_git(root, "cat-file", "commit", commit))
    return commit, found[1].decode("utf-8", "replace") if found else ""


def _answer(root: Path, *args: str) -> str:
    try:
        return run_git(root, *args).decode("ascii", "replace").strip()
    except GitFailed:
        return ""


def authors_of(root: Path, lines: Iterable[tuple[str, int]]) -> dict[tuple[str, int], tuple[str, str]]:
    """For each path and line of HEAD its author's e-mail address and its text, of the first 40 files.

    A line of which git gives no answer is left out.
    """
    by_file: dict[str, set[int]] = defaultdict(set)
    for path, number in lines:
        by_file[path].add(number)
    found: dict[tuple[str, int], tuple[str, str]] = {}
    for path in sorted(by_file)[:MOST_FILES]:
        ranges = [part for number in sorted(by_file[path]) for part in ("-L", f"{number},{number}")]
        options = ("--no-textconv", "--line-porcelain")
        with suppress(GitFailed):
            answer = run_git(root, "blame", *options, *ranges, "HEAD", "--", path)
            found |= {(path, number): blamed for number, blamed in _blamed(answer).items()}
    return found


def _blamed(answer: bytes) -> dict[int, tuple[str, str]]:
    found, line, mail = {}, 0, ""
    for part in answer.split(b"\n"):
        header = _BLAMED.fullmatch(part)
        if header:
            line = int(header[1])
        elif part.startswith(b"author-mail "):
            mail = part.removeprefix(b"author-mail ").strip(b"<>").decode("utf-8", "replace")
        elif part.startswith(b"\t"):
            found[line] = (mail, part[1:].decode("utf-8", "replace"))
    return found

"""Hides values in a repository, one kind of place and form each; shares no code with the search for them."""

import bz2
import html
import io
import json
import lzma
import os
import re
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from tests.support.packed import zipped

_AUTHOR = {"GIT_AUTHOR_NAME": "Dev", "GIT_AUTHOR_EMAIL": "dev@example.com"}
_COMMITTER = {"GIT_COMMITTER_NAME": "Dev", "GIT_COMMITTER_EMAIL": "dev@example.com"}


@dataclass
class Plot:
    """A repository in which values are hidden."""

    root: Path
    clock: int = 1_760_000_000

    def git(self, *args: str, stdin: bytes = b"", **env: str) -> str:
        """Runs git and gives back its output."""
        self.clock += 60
        dates = {"GIT_AUTHOR_DATE": f"{self.clock} +0000", "GIT_COMMITTER_DATE": f"{self.clock} +0000"}
        quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "PATH": os.environ["PATH"]}
        done = subprocess.run(
            ["git", "-c", "init.defaultBranch=main", "-c", "gc.auto=0", "-c", "gc.reflogExpire=never", *args],
            cwd=self.root,
            env=quiet | _AUTHOR | _COMMITTER | dates | env,
            input=stdin,
            capture_output=True,
            check=True,
        )
        return done.stdout.decode().strip()

    def file(self, path: str, content: bytes | str) -> None:
        """Writes a file."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(self, path: str, content: bytes | str, message: str = "Change") -> str:
        """Commits a file and gives back the commit's id."""
        self.file(path, content)
        self.git("add", "-f", "--", path)
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD")

    def keep(self, text: str) -> str:
        """Keeps a blob that nothing names, and gives back its id."""
        return self.git("hash-object", "-w", "--stdin", stdin=text.encode())


def shell(command: str, text: str | bytes) -> bytes:
    """What a shell tool makes of a text."""
    data = text.encode() if isinstance(text, str) else text
    return subprocess.run(["sh", "-c", command], input=data, capture_output=True, check=True).stdout


def _tar(name: str, content: bytes, mode: str = "w") -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as archive:  # type: ignore[call-overload]
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return made.getvalue()


# A step is a method of Plot with its arguments; in a text «v» is the value, and «b» the last output of git.
Step = tuple[Any, ...]
GONE = (("git", "reset", "-q", "--hard", "HEAD~1"), ("git", "reflog", "expire", "--expire=now", "--all"))


def _branch(name: str, *last: Step) -> tuple[Step, ...]:
    """A value on a branch of its own."""
    new, back = ("git", "checkout", "-q", "-b", name), ("git", "checkout", "-q", "main")
    return (new, ("commit", f"{name}.txt", "«v»"), back, *last)


def _stashed(*texts: str) -> tuple[Step, ...]:
    return tuple(
        step for text in texts for step in (("file", "base.txt", f"{text}\n"), ("git", "stash", "-q"))
    )


def _committed(by: str) -> tuple[Step, ...]:
    """An empty commit whose author or committer is the value."""
    return (("git", "commit", "-qm", by, "--allow-empty", {by: "«v»"}),)


DANGLING: Step = ("keep", "lost «v»")
LINES = "line\n" * 400
_STEPS: dict[str, tuple[Step, ...]] = {
    "unreachable commit": (("commit", "gone.txt", "«v»"), *GONE),
    "blob at HEAD": (("commit", "a/config.py", "TOKEN = '«v»'\n"),),
    "blob removed later": (
        ("commit", "removed.env", "TOKEN=«v»\n"),
        ("git", "rm", "-q", "-f", "--", "removed.env"),
        ("git", "commit", "-q", "-m", "Remove"),
    ),
    "blob on another branch": _branch("side"),
    "blob on a deleted branch": _branch("deleted", ("git", "branch", "-q", "-D", "deleted")),
    "path of a file": (("commit", "exports/«v».txt", "x"),),
    "path of a folder": (("commit", "out-«v»/deep/x.txt", "x"),),
    "commit message": (("commit", "m.txt", "x", "Use «v» for now"),),
    "author's name": _committed("GIT_AUTHOR_NAME"),
    "committer's address": _committed("GIT_COMMITTER_EMAIL"),
    "annotated tag": (("git", "tag", "-a", "v1", "-m", "release «v»"),),
    "name of a tag": (("git", "tag", "t-«v»"),),
    "tag of a blob": (DANGLING, ("git", "tag", "blobtag", "«b»")),
    "git note": (("git", "notes", "add", "-m", "see «v»"),),
    "older stash": _stashed("stashed «v»", "later 1", "later 2"),
    "newest stash": _stashed("stashed «v»"),
    "amended commit": (
        ("commit", "amended.txt", "«v»"),
        ("file", "amended.txt", "clean"),
        ("git", "add", "amended.txt"),
        ("git", "commit", "-q", "--amend", "-m", "Amended"),
    ),
    "dangling blob": (DANGLING,),
    "only in a merge": (
        ("git", "checkout", "-q", "-b", "topic"),
        ("commit", "topic.txt", "topic"),
        ("git", "checkout", "-q", "main"),
        ("commit", "mainline.txt", "mainline"),
        ("git", "merge", "-q", "--no-commit", "--no-ff", "topic"),
        ("commit", "evil.txt", "«v»", "Merge"),
    ),
    "packed with deltas": (
        *(("commit", "packed.txt", f"{LINES}{'«v»' * (number == 3)}\n{number}") for number in range(6)),
        ("git", "gc", "-q"),
    ),
    "untracked file": (("file", "untracked.txt", "«v»"),),
    "ignored file": (("commit", ".gitignore", "*.secret\n"), ("file", "x.secret", "«v»")),
    "name of an untracked file": (("file", "dump-«v».bin", "x"),),
    "git config": (("git", "config", "remote.origin.url", "https://x:«v»@git.example/r.git"),),
    "reflog message": (("git", "update-ref", "--create-reflog", "-m", "«v»", "refs/heads/z", "HEAD"),),
    "log": (("file", "backend/logs/app.log", "INFO x\nERROR Bearer «v»\n"),),
    "built bundle": (("file", "frontend/.next/static/chunks/main.js", 'a="«v»",b'),),
    "source map": (("file", "frontend/.next/static/main.js.map", '{"s":["k=\\"«v»\\""]}'),),
    "notebook output": (("commit", "n.ipynb", '{"outputs":[{"text":["key «v»\\n"]}]}'),),
    "large file": (("file", "large.bin", "\0" * 16_777_200 + "«v»" + "\1" * 9_000_000),),
    "large blob": (("commit", "blob.bin", "\0" * 8_388_540 + "«v»" + "\1" * 5_000_000),),
    "commit message left behind": (("file", ".git/SQUASH_MSG", "«v»"),),
    "staged, not committed": (
        ("file", "staged.txt", "«v»"),
        ("git", "add", "staged.txt"),
        ("file", "staged.txt", "clean again"),
    ),
}


def _follow(steps: tuple[Step, ...], plot: Plot, value: str) -> None:
    said = ""
    for method, *words in steps:
        named = words.pop() if isinstance(words[-1], dict) else {}
        given = [word.replace("«v»", value).replace("«b»", said) for word in words]
        said = getattr(plot, method)(*given, **dict.fromkeys(named, value)) or ""


# By kind of place what hides a value there.
PLACES: dict[str, Callable[[Plot, str], None]] = {
    kind: partial(_follow, steps) for kind, steps in _STEPS.items()
}

FORMS: dict[str, Callable[[str], bytes | str]] = {
    "url, capital hex": lambda v: f"/x?t={quote(v, safe='')}&y",
    "url, small hex": lambda v: re.sub(
        "%..", lambda escape: escape[0].lower(), f"/x?t={quote(v, safe='')}&y"
    ),
    "url, slash kept": lambda v: f"/x/{quote(v)}",
    "form data": lambda v: f"t={quote_plus(v)}",
    "json": lambda v: json.dumps({"t": v}, ensure_ascii=False),
    "json, escaped slash": lambda v: json.dumps({"t": v}, ensure_ascii=False).replace("/", r"\/"),
    "json within json": lambda v: json.dumps({"t": json.dumps({"u": v})}),
    "html": lambda v: f"<td>{html.escape(v)}</td>",
    "python repr": lambda v: f"Settings(token={v!r})",
    "hex": lambda v: shell("xxd -p | tr -d '\\n'", v),
    "capital hex": lambda v: shell("xxd -p -u | tr -d '\\n'", v),
    "base64": lambda v: shell("base64 -w 0", v),
    "base64, second alignment": lambda v: shell("base64 -w 0", f"x{v}yy"),
    "base64, third alignment": lambda v: shell("base64 -w 0", f"xx{v}y"),
    "base64url": lambda v: shell("base64 -w 0 | tr '+/' '-_' | tr -d '='", f"user:{v}"),
    "utf-16, little": lambda v: shell("iconv -t UTF-16LE", f"token {v}\n"),
    "utf-16, big": lambda v: shell("iconv -t UTF-16BE", f"token {v}\n"),
    "gzip": lambda v: shell("gzip -c", f"log\n{v}\n"),
    "two gzips, one after the other": lambda v: shell("gzip -c", "first\n") + shell("gzip -c", v),
    "bzip2": lambda v: bz2.compress(v.encode()),
    "xz": lambda v: lzma.compress(v.encode()),
    "zip": lambda v: zipped(v.encode()),
    "name in a zip": lambda v: zipped(v.encode()) if "/" in v else zipped(b"x", f"{v}.txt"),
    "tar": lambda v: _tar("a.txt", v.encode()),
    "tar.gz": lambda v: _tar("a.txt", v.encode(), "w:gz"),
    "tar.xz": lambda v: _tar("a.txt", v.encode(), "w:xz"),
    "Buffer in JSON": lambda v: json.dumps({"type": "Buffer", "data": list(v.encode())}),
    "escaped byte by byte": lambda v: "".join(f"\\x{byte:02x}" for byte in v.encode()),
    "every byte percent-encoded": lambda v: "".join(f"%{byte:02X}" for byte in v.encode()),
    "binary": lambda v: b"\x7fELF\0\0" + v.encode() + b"\0\xff",
}


def new_plot(root: Path) -> Plot:
    """A repository with one harmless commit."""
    root.mkdir(parents=True, exist_ok=True)
    plot = Plot(root)
    plot.git("init", "-q")
    plot.commit("base.txt", "base\n", "Begin")
    return plot

"""Hides values in a repository, one kind of place and form each; shares no code with the search for them."""

import bz2
import html
import json
import lzma
import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from tests.support.packed import pdf, png, tarred, zipped
from tests.support.paths import rows_beside

_REPEATED = re.compile(r"«([^«»]+)×(\d+)»")
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


def _by_shell(command: str, text: str, value: str) -> bytes:
    return shell(command, text.replace("«v»", value))


def _follow(steps: list[list[Any]], plot: Plot, value: str) -> None:
    said = ""
    for method, *words in steps:
        named = words.pop() if isinstance(words[-1], dict) else {}
        given = [_REPEATED.sub(lambda part: part[1] * int(part[2]), word) for word in words]
        given = [word.replace("«v»", value).replace("«b»", said) for word in given]
        said = getattr(plot, method)(*given, **dict.fromkeys(named, value)) or ""


# By kind of place what hides a value there.
_ROWS = rows_beside(__file__)
_SHELL: dict[str, list[str]] = _ROWS.pop("shell")
PLACES: dict[str, Callable[[Plot, str], None]] = {
    kind: partial(_follow, steps) for kind, steps in _ROWS.items()
}

FORMS: dict[str, Callable[[str], bytes | str]] = {
    "url, capital hex": lambda v: f"/x?t={quote(v, safe='')}&y",
    "url, small hex": lambda v: re.sub("%..", lambda at: at[0].lower(), f"/x?t={quote(v, safe='')}&y"),
    "url, slash kept": lambda v: f"/x/{quote(v)}", "form data": lambda v: f"t={quote_plus(v)}",
    "json": lambda v: json.dumps({"t": v}, ensure_ascii=False),
    "json, escaped slash": lambda v: json.dumps({"t": v}, ensure_ascii=False).replace("/", r"\/"),
    "json within json": lambda v: json.dumps({"t": json.dumps({"u": v})}),
    "html": lambda v: f"<td>{html.escape(v)}</td>", "python repr": lambda v: f"Settings(token={v!r})",
    **{form: partial(_by_shell, *words) for form, words in _SHELL.items()},
    "two gzips, one after the other": lambda v: shell("gzip -c", "first\n") + shell("gzip -c", v),
    "bzip2": lambda v: bz2.compress(v.encode()), "xz": lambda v: lzma.compress(v.encode()),
    "zip": lambda v: zipped(v.encode()),
    "zip behind a program": lambda v: b"#!/bin/sh\n" * 9 + zipped(v.encode()),
    "pdf": lambda v: pdf(v.encode()), "png": lambda v: png(v.encode()),
    "name in a zip": lambda v: zipped(v.encode()) if "/" in v else zipped(b"x", f"{v}.txt"),
    "tar": lambda v: tarred(v.encode()), "tar.gz": lambda v: tarred(v.encode(), mode="w:gz"),
    "tar.xz": lambda v: tarred(v.encode(), mode="w:xz"),
    "Buffer in JSON": lambda v: json.dumps({"type": "Buffer", "data": list(v.encode())}),
    "escaped byte by byte": lambda v: "".join(f"\\x{byte:02x}" for byte in v.encode()),
    "every byte percent-encoded": lambda v: "".join(f"%{byte:02X}" for byte in v.encode()),
    "binary": lambda v: b"\x7fELF\0\0" + v.encode() + b"\0\xff",
}  # fmt: skip


def new_plot(root: Path) -> Plot:
    """A repository with one harmless commit."""
    root.mkdir(parents=True, exist_ok=True)
    plot = Plot(root)
    plot.git("init", "-q")
    plot.commit("base.txt", "base\n", "Begin")
    return plot

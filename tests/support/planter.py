"""Hides values in a repository, one kind of place and form each. Shares no code with audit_lib/forms.py.

Where it can, it lets the shell's own tools write the form (base64, xxd, gzip, tar, iconv, git).
"""

import bz2
import io
import json
import lzma
import os
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

_AUTHOR = {"GIT_AUTHOR_NAME": "Dev", "GIT_AUTHOR_EMAIL": "dev@example.com"}
_COMMITTER = {"GIT_COMMITTER_NAME": "Dev", "GIT_COMMITTER_EMAIL": "dev@example.com"}


@dataclass
class Plot:
    """A repository in which values are hidden."""

    root: Path
    clock: int = 1_760_000_000
    kinds: dict[str, str] = field(default_factory=dict)

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


def shell(command: str, text: str | bytes) -> bytes:
    """What a shell tool makes of a text."""
    data = text.encode() if isinstance(text, str) else text
    return subprocess.run(["sh", "-c", command], input=data, capture_output=True, check=True).stdout


def _percent(value: str, keep: str, upper: bool = True) -> str:
    pattern = "%{:02X}" if upper else "%{:02x}"
    return "".join(
        c if (c.isascii() and c.isalnum()) or c in keep else "".join(pattern.format(b) for b in c.encode())
        for c in value
    )


def _backslash(value: str, signs: str) -> str:
    return "".join("\\" + c if c in signs else c for c in value)


def _entities(value: str) -> str:
    names = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"}
    return "".join(names.get(c, c) for c in value)


def _zip(name: str, content: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return made.getvalue()


def _tar(name: str, content: bytes, mode: str = "w") -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as archive:  # type: ignore[call-overload]
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def _removed(plot: Plot, path: str, content: bytes | str) -> None:
    plot.commit(path, content)
    plot.git("rm", "-q", "-f", "--", path)
    plot.git("commit", "-q", "-m", "Remove")


def _on_branch(plot: Plot, value: str, *, delete: bool) -> None:
    side = "deleted" if delete else "side"
    plot.git("checkout", "-q", "-b", side)
    plot.commit(f"{side}.txt", value)
    plot.git("checkout", "-q", "main")
    if delete:
        plot.git("branch", "-q", "-D", side)


def _stash(plot: Plot, value: str, times: int = 1) -> None:
    plot.file("base.txt", f"stashed {value}\n")
    plot.git("stash", "-q")
    for number in range(1, times):
        plot.file("base.txt", f"later {number}\n")
        plot.git("stash", "-q")


def _dangling(plot: Plot, value: str) -> str:
    return plot.git("hash-object", "-w", "--stdin", stdin=f"lost {value}".encode())


def _amended(plot: Plot, value: str) -> None:
    plot.commit("amended.txt", value)
    plot.file("amended.txt", "clean")
    plot.git("add", "amended.txt")
    plot.git("commit", "-q", "--amend", "-m", "Amended")


def _unreachable_commit(plot: Plot, value: str) -> None:
    plot.commit("gone.txt", value)
    plot.git("reset", "-q", "--hard", "HEAD~1")
    plot.git("reflog", "expire", "--expire=now", "--all")


def _merge_only(plot: Plot, value: str) -> None:
    plot.git("checkout", "-q", "-b", "topic")
    plot.commit("topic.txt", "topic")
    plot.git("checkout", "-q", "main")
    plot.commit("mainline.txt", "mainline")
    plot.git("merge", "-q", "--no-commit", "--no-ff", "topic")
    plot.file("evil.txt", value)
    plot.git("add", "evil.txt")
    plot.git("commit", "-q", "-m", "Merge")


def _packed(plot: Plot, value: str) -> None:
    for number in range(6):
        plot.commit("packed.txt", "line\n" * 400 + f"{value}\n" * (number == 3) + str(number))
    plot.git("gc", "-q")


def _staged(plot: Plot, value: str) -> None:
    plot.file("staged.txt", value)
    plot.git("add", "staged.txt")
    plot.file("staged.txt", "clean again")


def _wrapped(value: str, width: int, before: int = 50) -> bytes:
    return shell(f"base64 -w {width}", "k" * before + value + "z" * 80)


Kind = Callable[[Plot, str], object]

PLACES: dict[str, Kind] = {
    "unreachable commit": _unreachable_commit,
    "blob at HEAD": lambda p, v: p.commit("a/config.py", f"TOKEN = '{v}'\n"),
    "blob removed later": lambda p, v: _removed(p, "removed.env", f"TOKEN={v}\n"),
    "blob on another branch": lambda p, v: _on_branch(p, v, delete=False),
    "blob on a deleted branch": lambda p, v: _on_branch(p, v, delete=True),
    "path of a file": lambda p, v: p.commit(f"exports/{v}.txt", "x"),
    "path of a folder": lambda p, v: p.commit(f"out-{v}/deep/x.txt", "x"),
    "commit message": lambda p, v: p.commit("m.txt", "x", f"Use {v} for now"),
    "author's name": lambda p, v: p.git("commit", "-qm", "n", "--allow-empty", GIT_AUTHOR_NAME=v),
    "committer's address": lambda p, v: p.git("commit", "-qm", "c", "--allow-empty", GIT_COMMITTER_EMAIL=v),
    "annotated tag": lambda p, v: p.git("tag", "-a", "v1", "-m", f"release {v}"),
    "name of a tag": lambda p, v: p.git("tag", f"t-{v}"),
    "tag of a blob": lambda p, v: p.git("tag", "blobtag", _dangling(p, v)),
    "git note": lambda p, v: p.git("notes", "add", "-m", f"see {v}"),
    "older stash": lambda p, v: _stash(p, v, times=3),
    "newest stash": _stash,
    "amended commit": _amended,
    "dangling blob": _dangling,
    "only in a merge": _merge_only,
    "packed with deltas": _packed,
    "untracked file": lambda p, v: p.file("untracked.txt", v),
    "ignored file": lambda p, v: (p.commit(".gitignore", "*.secret\n"), p.file("x.secret", v)),
    "name of an untracked file": lambda p, v: p.file(f"dump-{v}.bin", "x"),
    "git config": lambda p, v: p.git("config", "remote.origin.url", f"https://x:{v}@git.example/r.git"),
    "reflog message": lambda p, v: p.git("update-ref", "--create-reflog", "-m", v, "refs/heads/z", "HEAD"),
    "log": lambda p, v: p.file("backend/logs/app.log", f"INFO x\nERROR Bearer {v}\n"),
    "built bundle": lambda p, v: p.file("frontend/.next/static/chunks/main.js", f'a="{v}",b'),
    "source map": lambda p, v: p.file("frontend/.next/static/main.js.map", f'{{"s":["k=\\"{v}\\""]}}'),
    "notebook output": lambda p, v: p.commit("n.ipynb", f'{{"outputs":[{{"text":["key {v}\\n"]}}]}}'),
    "large file": lambda p, v: p.file("large.bin", b"\0" * 16_777_200 + v.encode() + b"\1" * 9_000_000),
    "large blob": lambda p, v: p.commit("blob.bin", b"\0" * 8_388_540 + v.encode() + b"\1" * 5_000_000),
    "commit message left behind": lambda p, v: p.file(".git/SQUASH_MSG", v),
    "staged, not committed": _staged,
}  # fmt: skip

FORMS: dict[str, Callable[[str], bytes | str]] = {
    "url, capital hex": lambda v: f"/x?t={_percent(v, '-_.~')}&y",
    "url, small hex": lambda v: f"/x?t={_percent(v, '-_.~', upper=False)}&y",
    "url, slash kept": lambda v: f"/x/{_percent(v, '-_.~/')}",
    "form data": lambda v: f"t={_percent(v, '-_.').replace('%20', '+')}",
    "json": lambda v: '{"t": "' + _backslash(v, '"\\') + '"}',
    "json, escaped slash": lambda v: '{"t": "' + _backslash(v, '"\\/') + '"}',
    "json within json": lambda v: '{"t": "{\\"u\\": \\"' + _backslash(_backslash(v, '"\\'), '"\\') + '\\"}"}',
    "html": lambda v: f"<td>{_entities(v)}</td>",
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
    "zip": lambda v: _zip("a.txt", v.encode()),
    "name in a zip": lambda v: (
        _zip(f"{v.replace('/', '_')}.txt", b"x") if "/" not in v else _zip("a", v.encode())
    ),
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

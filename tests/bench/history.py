"""Makes git histories from a seed, with values planted: of gigabytes, or of many commits and leaks."""

import os
import random
import subprocess
from pathlib import Path
from typing import IO

_VERBS = ("get", "set", "load", "price", "order", "quote", "risk", "user", "cache", "audit")
_NOUNS = ("_value", "Handler", "Service", "_id", "Client", "_table", "Model", "_at", "Config", "s")
_WORDS = [verb + noun for verb in _VERBS for noun in _NOUNS]
LINES = 3000  # a file of about 140 KB
FILES = 60
# Commits in a row that change the same file: fast-import then stores small deltas, as packing does.
STRETCH = 40


def make_history(root: Path, gigabytes: float, planted: dict[int, str]) -> int:
    """Writes the repository; returns its commits. `planted` puts a value into the commit of that number."""
    root.mkdir(parents=True)
    _git(root, "init", "-q", "--initial-branch=main")
    importer = subprocess.Popen(
        ["git", "fast-import", "--quiet", "--depth=50"], cwd=root, stdin=subprocess.PIPE, env=_environment()
    )
    assert importer.stdin is not None
    commits = _write(importer.stdin, int(gigabytes * 1e9), planted)
    importer.stdin.close()
    assert importer.wait() == 0
    return commits


def make_many_commits(root: Path, commits: int, planted: list[str]) -> None:
    """Writes a repository as teams have them: many small files in folders, a few changed by each commit.

    Each planted text is a line of a file that later commits go on to change; half are taken out again.
    """
    root.mkdir(parents=True)
    _git(root, "init", "-q", "--initial-branch=main")
    importer = subprocess.Popen(
        ["git", "fast-import", "--quiet"], cwd=root, stdin=subprocess.PIPE, env=_environment()
    )
    assert importer.stdin is not None
    _write_commits(importer.stdin, commits, planted)
    importer.stdin.close()
    assert importer.wait() == 0
    _git(root, "reset", "-q", "--hard")
    # As a server packs it: what fast-import leaves takes git four times as long to read.
    _git(root, "repack", "-adfq", "--window=10", "--depth=50")


def _write_commits(stream: IO[bytes], commits: int, planted: list[str]) -> None:
    dice = random.Random(20261126)
    files = [[_line(dice) for _ in range(dice.randrange(40, 400))] for _ in range(1200)]
    step = commits // (2 * len(planted))
    for number in range(commits):
        message = b"Change %d" % number
        when = b"committer Dev <dev@example.com> %d +0000\n" % (1_700_000_000 + number)
        stream.write(b"commit refs/heads/main\n%sdata %d\n%s\n" % (when, len(message), message))
        changed = set(range(1200)) if not number else {dice.randrange(1200) for _ in range(3)}
        leak, at = divmod(number, step)
        if not at and leak < len(planted):
            files[_home(leak)].insert(10, f"{planted[leak]}\n")
            changed.add(_home(leak))
        elif not at and (gone := leak - len(planted)) < len(planted) and gone % 2:
            files[_home(gone)].remove(f"{planted[gone]}\n")
            changed.add(_home(gone))
        for index in changed:
            lines = files[index]
            lines[dice.randrange(12, len(lines))] = _line(dice)
            data = "".join(lines).encode()
            path = b"src/part_%d/area_%d/module_%d.py" % (index % 20, index % 60, index)
            stream.write(b"M 100644 inline %s\ndata %d\n%s\n" % (path, len(data), data))


def _home(leak: int) -> int:
    return 17 * leak % 1200


def _write(stream: IO[bytes], size: int, planted: dict[int, str]) -> int:
    dice = random.Random(20261124)
    files = [[_line(dice) for _ in range(LINES)] for _ in range(FILES)]
    written = number = 0
    while written < size:
        number += 1
        index = number // STRETCH % FILES
        for _ in range(5):
            files[index][dice.randrange(LINES)] = _line(dice)
        text = "".join(files[index])
        if number in planted:
            text += f"key = {planted[number]}\n"
        data = text.encode()
        written += len(data)
        message = b"Change %d" % number
        when = b"committer Dev <dev@example.com> %d +0000\n" % (1_700_000_000 + number)
        stream.write(b"commit refs/heads/main\n%sdata %d\n%s\n" % (when, len(message), message))
        stream.write(b"M 100644 inline src/module_%d.py\ndata %d\n%s\n" % (index, len(data), data))
    return number


def _line(dice: random.Random) -> str:
    return (
        f"    {dice.choice(_WORDS)} = {dice.choice(_WORDS)}({dice.choice(_WORDS)}, {dice.randrange(10**6)})\n"
    )


def _git(root: Path, *args: str) -> None:
    subprocess.run(["git", *args], cwd=root, env=_environment(), check=True)


def _environment() -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "LC_ALL": "C",
    }


def expanded_bytes(root: Path) -> int:
    """The size of all objects when expanded."""
    done = subprocess.run(
        ["git", "cat-file", "--batch-all-objects", "--batch-check=%(objectsize)", "--unordered", "--buffer"],
        cwd=root, env=_environment(), capture_output=True, check=True,
    )  # fmt: skip
    return sum(map(int, done.stdout.split()))

"""Makes a git history of several gigabytes when expanded, from a seed, with values planted in it."""

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

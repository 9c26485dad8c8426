"""Each loader of env files is read as the real one reads them."""

import os

import pytest

from audit_lib.secrets.loaders import READERS, Reading
from audit_lib.settings import LOADERS
from tests.support.made_env_files import made_env_file
from tests.support.real_loaders import missing, read_by

REAL = ("python-dotenv", "dotenv", "next", "compose", "docker", "systemd")


def held(reading: Reading) -> dict[str, str | None]:
    """Name and value of what a reading sets; the last statement counts."""
    return {one.name: one.value for one in reading.statements if one.name is not None}


@pytest.mark.parametrize("loader", REAL)
def test_made_files_are_read_as_the_real_loader_reads_them(loader: str, *, long_run: bool) -> None:
    """Of 250 made files (5,000 in the long run) none has another variable, value or refusal.

    A value that takes in what the file does not set is not known, and so says nothing false.
    """
    reason = missing(loader)
    if reason:
        assert not os.environ.get("CI"), reason
        pytest.skip(reason)
    texts = [made_env_file(f"file {number}") for number in range(5000 if long_run else 250)]
    readings = [READERS[loader](text) for text in texts]
    real = read_by(loader, texts, [reading.refused for reading in readings])
    known = 0
    for text, ours, theirs in zip(texts, readings, real, strict=True):
        assert ours.refused == (theirs is None), text
        if theirs is None:
            continue
        assert set(held(ours)) == {name for name, value in theirs.items() if value is not None}, text
        for name, value in held(ours).items():
            assert value is None or value == theirs[name], (text, name)
            known += value is not None
    assert known > 100  # the comparison was one of values


def test_every_loader_that_can_be_declared_is_read() -> None:
    """audit.toml and the readers know the same loaders."""
    assert tuple(READERS) == LOADERS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A='x$B'", {"python-dotenv": "x$B", "dotenv": "x$B", "next": None, "systemd": "x$B"}),
        ("B=1\nA=$B", {"python-dotenv": "$B", "dotenv": "$B", "next": "1", "compose": "1", "docker": "$B"}),
        ("B=1\nA=${B}", {"python-dotenv": "1", "dotenv": "${B}", "next": "1", "systemd": "${B}"}),
        ("A=${B}\nB=1", {"python-dotenv": None, "next": "1", "compose": None}),
        ("A=x\\$B", {"python-dotenv": "x\\$B", "next": "x$B", "systemd": "x$B", "docker": "x\\$B"}),
        ("A=x#y", {"python-dotenv": "x#y", "dotenv": "x", "next": "x", "compose": "x#y", "docker": "x#y"}),
        ("A=x # y", {"python-dotenv": "x", "dotenv": "x", "docker": "x # y", "systemd": "x # y"}),
        ("A=`x`", {"python-dotenv": "`x`", "dotenv": "x", "next": "x", "compose": "`x`"}),
        ("A='x'", {"python-dotenv": "x", "docker": "'x'", "systemd": "x", "render": "x"}),
        ('A="x\\ny"', {"python-dotenv": "x\ny", "dotenv": "x\ny", "compose": "x\ny", "systemd": "x\\ny"}),
        ("A=x\\\ny", {"dotenv": "x\\", "systemd": "xy"}),
        ("A: x", {"dotenv": "x", "compose": "x"}),
        ("A='x#y\\' # z' v", {"dotenv": "x#y\\", "next": "x#y\\"}),
        ("A=\n'x'", {"dotenv": "x", "python-dotenv": ""}),
    ],
)
def test_one_text_is_several_values(text: str, expected: dict[str, str | None]) -> None:
    """The value of A by loader; None if the file does not say what it refers to."""
    assert {name: held(READERS[name](text))["A"] for name in expected} == expected


@pytest.mark.parametrize(
    ("loader", "text"),
    [
        ("next", "A=x$A\nB=1"),
        ("compose", "A=1\nB='x"),
        ("compose", "A=${1}"),
        ("docker", "export A=1"),
        ("docker", "=1"),
    ],
)
def test_what_ends_a_loader_refuses_the_file(loader: str, text: str) -> None:
    """The service gets no variable of such a file."""
    assert READERS[loader](text).refused


@pytest.mark.parametrize("loader", READERS)
def test_lines_are_told(loader: str) -> None:
    """A statement names its lines, whatever ends them."""
    (one,) = [one for one in READERS[loader]("# a\r\n\r\nA=1\r\n").statements if one.name == "A"]
    assert (one.first, one.last) == (3, 3)


@pytest.mark.parametrize("loader", READERS)
def test_references_do_not_grow_without_end(loader: str) -> None:
    """Values that double from line to line end as not known, long before they fill the memory."""
    lines = [
        f"V0={'x' * 1000}",
        *(f"V{number}=${{V{number - 1}}}${{V{number - 1}}}" for number in range(1, 60)),
    ]
    values = [value or "" for value in held(READERS[loader]("\n".join(lines))).values()]
    assert max(map(len, values)) <= 2 * 131_072

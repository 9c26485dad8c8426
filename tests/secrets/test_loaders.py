"""Each loader of env files is read as the real one reads them."""

import os

import pytest

from audit_lib.secrets.env import parse_env
from audit_lib.secrets.loaders import READERS, Reading
from tests.support.made_env_files import made_env_file
from tests.support.real_loaders import missing, read_by

REAL = ("python-dotenv", "dotenv", "next", "compose", "docker", "systemd")
EXACT = ("python-dotenv", "dotenv", "next", "docker")


def held(reading: Reading) -> dict[str, str | None]:
    """Name and value of what a reading sets; the last statement counts."""
    return {one.name: one.value for one in reading.statements if one.name is not None}


@pytest.mark.parametrize("loader", REAL)
def test_made_files_are_read_as_the_real_loader_reads_them(loader: str, *, long_run: bool) -> None:
    """Of 250 made files (5,000 in the long run) no value that is said to be known is another one.

    Four loaders are read exactly: the same names, the same refusals. Of the others what could be read
    differently is not known; how much that is, is printed.
    """
    reason = missing(loader)
    if reason:
        assert not os.environ.get("CI"), reason
        pytest.skip(reason)
    texts = [made_env_file(f"file {number}") for number in range(5000 if long_run else 250)]
    readings = [READERS[loader](text) for text in texts]
    # Commands that refuse a file are run for each alone.
    real = read_by(loader, texts, [loader not in EXACT or reading.refused for reading in readings])
    known = unknown = 0
    for text, ours, theirs in zip(texts, readings, real, strict=True):
        values = {line.name: line.value for line in parse_env(text.encode(), (loader,)) if line.name}
        if loader in EXACT:
            assert ours.refused == (theirs is None), text
            set_names = {name for name, value in (theirs or {}).items() if value is not None}
            assert theirs is None or set(held(ours)) == set_names, text
            values = {} if ours.refused else held(ours)
        for name, value in values.items():
            assert value is None or (theirs is not None and value == theirs.get(name)), (text, name)
            known += value is not None
            unknown += value is None
    print(f"{loader}: {known} values known, {unknown} not known, none wrong")
    assert known > 30  # the comparison was one of values


@pytest.mark.parametrize("loader", READERS)
def test_each_loader_that_can_be_declared_names_its_lines(loader: str) -> None:
    """A statement names its lines, whatever ends them."""
    (one,) = [one for one in READERS[loader]("# a\r\n\r\nA=1\r\n").statements if one.name == "A"]
    assert (one.first, one.last) == (3, 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A='x$B'", {"python-dotenv": "x$B", "dotenv": "x$B", "next": None, "systemd": None}),
        ("B=1\nA=$B", {"python-dotenv": "$B", "dotenv": "$B", "next": "1", "compose": None, "docker": "$B"}),
        ("B=1\nA=${B}", {"python-dotenv": "1", "dotenv": "${B}", "next": "1", "systemd": None}),
        ("A=${B}\nB=1", {"python-dotenv": None, "next": "1", "compose": None}),
        ("A=x\\$B", {"python-dotenv": "x\\$B", "next": "x$B", "systemd": None, "docker": "x\\$B"}),
        ("A=x#y", {"python-dotenv": "x#y", "dotenv": "x", "next": "x", "compose": "x#y", "docker": "x#y"}),
        ("A=x # y", {"python-dotenv": "x", "dotenv": "x", "docker": "x # y", "systemd": None}),
        ("A=`x`", {"python-dotenv": "`x`", "dotenv": "x", "next": "x", "compose": None}),
        ("A='x'", {"python-dotenv": "x", "docker": "'x'", "compose": "x", "systemd": "x", "render": "x"}),
        ('A="x\\ny"', {"python-dotenv": "x\ny", "dotenv": "x\ny", "compose": None, "systemd": None}),
        ("A=x\\\ny", {"dotenv": "x\\", "systemd": None}),
        ("A: x", {"dotenv": "x"}),
        ("A='x#y\\' # z' v", {"dotenv": "x#y\\", "next": "x#y\\"}),
        ("A=\n'x'", {"dotenv": "x", "python-dotenv": ""}),
        ("B='open\nA=1", {"compose": None, "systemd": None, "docker": "1"}),
        ("B=x\\\nA=1", {"systemd": None, "docker": "1"}),
        ("B='1\n2'\nA=1", {"compose": "1", "systemd": "1"}),
    ],
)
def test_one_text_is_several_values(text: str, expected: dict[str, str | None]) -> None:
    """The value of A by loader; None if the file does not say what it refers to, or it may be another."""
    assert {name: held(READERS[name](text))["A"] for name in expected} == expected


@pytest.mark.parametrize(
    ("loader", "text"),
    [
        ("next", "A=x$A\nB=1"),
        ("compose", "A=${1}"),
        ("compose", "A=1\nB x"),
        ("docker", "export A=1"),
        ("docker", "=1"),
    ],
)
def test_what_ends_a_loader_refuses_the_file(loader: str, text: str) -> None:
    """The service gets no variable of such a file."""
    assert READERS[loader](text).refused


@pytest.mark.parametrize("loader", READERS)
def test_references_do_not_grow_without_end(loader: str) -> None:
    """Values that double from line to line end as not known, long before they fill the memory."""
    lines = [
        f"V0={'x' * 1000}",
        *(f"V{number}=${{V{number - 1}}}${{V{number - 1}}}" for number in range(1, 60)),
    ]
    values = [value or "" for value in held(READERS[loader]("\n".join(lines))).values()]
    assert max(map(len, values)) <= 2 * 131_072

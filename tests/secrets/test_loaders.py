"""Env files line by line: each is read, not understood or blank, as the loader of its service reads it."""

import io
import os
import string
import tomllib
from pathlib import Path
from random import Random

import pandas as pd
import pytest
from hypothesis import example, given, settings, strategies as st

from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets.env import EnvLine, is_binary, looks_like_value, parse_env
from audit_lib.secrets.loaders import READERS, UNDECLARED, Reading, loaders_of
from audit_lib.secrets.sources import read_env_sources
from audit_lib.settings import EnvSource, GivenValues, Project
from tests.support.applications import write
from tests.support.fakes import fake_value
from tests.support.paths import rows_beside
from tests.support.real_loaders import missing, read_by

PARTS = tomllib.loads(Path(__file__).with_name("made_env_files.toml").read_text("utf-8"))


def made_env_file(seed: str) -> str:
    """The text of one made file; the same for the same seed."""
    random = Random(seed)
    # Half of the files have one oddity at the most, so that no loader refuses them all.
    statement = _calm_statement if random.random() < 0.5 else _statement
    parts = ["\ufeff"] if random.random() < 0.04 else []
    for _ in range(random.randint(1, 7)):
        parts.append(random.choice(PARTS["other"]) if random.random() < 0.12 else statement(random))
    text = "".join(parts)
    return text.rstrip("\r\n") if random.random() < 0.2 else text


def _statement(random: Random) -> str:
    inner = "".join(_piece(random) for _ in range(random.randint(0, 5)))
    quote = random.choice(("", "", "'", '"', "`"))
    before, name, between, behind, end = (
        random.choice(PARTS[piece]) for piece in ("before", "names", "between", "behind", "ends")
    )
    return f"{before}{name}{between}{quote}{inner}{quote if random.random() < 0.9 else ''}{behind}{end}"


def _calm_statement(random: Random) -> str:
    oddities = (*PARTS["signs"][:5], *PARTS["references"][:8], "", "", "")
    text = "".join(random.choice(pieces) for pieces in (PARTS["plain"], oddities, PARTS["plain"]))
    quote = random.choice(("", "", "'", '"', "`"))
    value = quote + text.replace(quote, "") + quote if quote else text
    before = random.choice(("", "", "", "", "", "", "export "))
    return f"{before}{random.choice(PARTS['names'][:7])}={value}{random.choice(PARTS['ends'][:10])}"


def _piece(random: Random) -> str:
    kind = random.random()
    if kind < 0.9:
        return random.choice(PARTS["plain" if kind < 0.4 else "signs" if kind < 0.7 else "references"])
    return random.choice((" ", "\n", "\r\n", "\t", "  ", "\u00a0", "\u2028", "\x0b"))


READ, BAD, BLANK = "read", "not understood", "blank"
PYTHON = ("python-dotenv",)
ALL = tuple(READERS)
CASES = rows_beside(__file__)


def shown(line: EnvLine) -> str:
    """A line as the cases have it: NAME=VALUE or its state, and its faults."""
    text = f"{line.name}={'?' if line.value is None else line.value}" if line.name else line.state
    return f"{text} !{','.join(line.faults)}" if line.faults else text


BYTES = [
    ("A=1\nB=é\n".encode("utf-16"), PYTHON, ["A=1 !utf-16", "B=é"]),
    (b"\xfe\xff" + "A=1".encode("utf-16-be"), PYTHON, ["A=1 !utf-16"]),
    ("A=1\n".encode("utf-16") + b"x", PYTHON, ["A=1 !utf-16", "not understood !undecodable"]),
    (b"A=\xff\nB=2\n", PYTHON, ["not understood !undecodable", "B=2"]),
    (b"A=" + b"x" * 10_000_000 + b"\nB=1\n", PYTHON, ["not understood !too-long", "B=1"]),
]
LINES = [(text.encode(), PYTHON, expected) for texts, expected in CASES["lines"] for text in texts]
BY_LOADERS = [(text.encode(), tuple(names) or ALL, found) for text, names, found in CASES["by_loaders"]]


@pytest.mark.parametrize(("content", "loaders", "expected"), BYTES + LINES + BY_LOADERS)
def test_each_line_ends_in_one_state(content: bytes, loaders: tuple[str, ...], expected: list[str]) -> None:
    """Name, value or state, and faults are those of the table, line by line. The value is the loader's; if
    several are plausible and read different ones, it is not known."""
    lines = parse_env(content, loaders)
    assert all(one.state == READ for one in lines if one.name)
    assert list(map(shown, lines)) == expected


def test_a_secret_in_the_place_of_a_name_is_not_shown() -> None:
    """A token alone on its line, with `=` at its end or behind a colon is a suspect and no name. Of a value
    with an equals sign in it, whose short beginning alone is no secret, the whole is one."""
    token = fake_value("token", 32) + "7aB"
    lines = {place.format(token): token for place in ("{}", "{}==", "API_TOKEN: {}", "{}=x y", "set A '{}'")}
    lines |= {whole: whole for whole in ("_1Uco4wd1WB=Ra7x", "pX3Pwd9q=", "zmFzZ4Fy===")}
    for text, suspect in lines.items():
        (line,) = parse_env(f"{text}\n".encode(), PYTHON)
        assert (line.state, line.name, line.suspects) == (BAD, None, (suspect,))
        assert suspect not in repr(line)


def test_what_a_value_may_be_is_suspected_and_never_shown() -> None:
    """Each reading of a value that is not known goes to the keeper; no representation holds one."""
    value = fake_value("quoted")
    (line,) = parse_env(f"A='{value}'\n".encode(), ("dotenv", "docker"))
    assert (line.value, set(line.suspects)) == (None, {value, f"'{value}'"})
    assert value not in repr(line) + repr(EnvLine(1, READ, "A", value, suspects=(value,)))


def test_binary_is_known_from_text() -> None:
    """NULs make a file binary unless it has a byte order mark or is UTF-8 with few of them."""
    few = b"A=" + b"1" * 40 + b"\0\n"
    assert not any(map(is_binary, (b"", b"A=1\n", b"A=\xff\n", few, "A=1\n".encode("utf-16"))))
    elf = b"\x7fELF\x02\x01\x01" + b"\0" * 9
    assert all(map(is_binary, (b"A=\0\xff" + b"1" * 40, elf, "A=1\n".encode("utf-16-le"))))


HEXADECIMAL, BASE_32 = string.hexdigits[:16], string.ascii_uppercase + "234567"
LETTERS, DIGITS = string.ascii_letters, string.digits
SHORT = [(length, LETTERS + DIGITS, 300 // (12 if length < 12 else 20)) for length in range(8, 20)]


@pytest.mark.parametrize(("length", "alphabet", "most"), [
    *((40, letters, 0) for letters in (HEXADECIMAL, BASE_32, LETTERS)), *SHORT,
])  # fmt: skip
def test_names_and_values_are_told_apart(length: int, alphabet: str, most: int) -> None:
    """Long names of words are names; of 300 values none passes for one, of their beginnings hardly any."""
    assert not any(map(looks_like_value, CASES["names"]))
    values = [fake_value(f"name {length} {seed}", length, alphabet) for seed in range(300)]
    assert sum(not looks_like_value(text) for text in values) <= most


# Whatever means something to the parser, kinds of white space, and what no encoding should hold.
PIECES = st.one_of(
    st.sampled_from("AB='\"\\#x$é \t\n\r\0\x0b\x85\u2028\ufeff\ud800"),
    st.sampled_from(("\r\n", "export ", "${A}")),
)
TEXTS = st.lists(PIECES, max_size=40).map(lambda pieces: "".join(pieces).encode("utf-8", "surrogatepass"))


@settings(max_examples=400, deadline=None)
@given(st.one_of(TEXTS, st.binary(max_size=200)), st.sampled_from([ALL, *((name,) for name in ALL)]))
@example(b"\xff\xfe\x00", ALL)
@example(b"\x00\x00\xfe\xff\xff\xff\xff\xff", ALL)
def test_no_bytes_raise_and_no_line_is_lost(content: bytes, loaders: tuple[str, ...]) -> None:
    """Whatever the bytes are, each line is there once, in order and in one of three states."""
    lines = parse_env(content, loaders)
    assert [line.line for line in lines] == list(range(1, len(lines) + 1))
    assert {line.state for line in lines} <= {READ, BAD, BLANK}
    if not content.startswith((b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")):
        text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
        assert len(lines) == len(list(io.StringIO(text, newline="")))


# ---- As the real loaders read ----

REAL = ("python-dotenv", "dotenv", "next", "compose", "docker", "systemd")
EXACT = ("python-dotenv", "dotenv", "next", "docker")


def held(reading: Reading) -> dict[str, str | None]:
    """Name and value of what a reading sets; the last statement counts."""
    return {one.name: one.value for one in reading.statements if one.name is not None}


@pytest.mark.parametrize("loader", REAL)
def test_made_files_are_read_as_the_real_loader_reads_them(loader: str, *, long_run: bool) -> None:
    """Of 250 made files (5,000 in the long run) no value that is said to be known is another. Four are read
    exactly: the same names, the same refusals. Of the others what could be read differently is not known; how
    much that is, is printed."""
    reason = missing(loader)
    if reason:
        assert not os.environ.get("CI"), reason
        pytest.skip(reason)
    texts = [made_env_file(f"file {number}") for number in range(5000 if long_run else 250)]
    readings = {text: READERS[loader](text) for text in texts}
    lines = {text: parse_env(text.encode(), (loader,)) for text in texts}
    # Of a file without a known value nothing is compared, unless all of its loader's is.
    asked = [text for text in texts if loader in EXACT or any(line.value is not None for line in lines[text])]
    # Commands that refuse a file are run for each alone.
    real = dict(zip(asked, read_by(loader, asked, [readings[text].refused for text in asked]), strict=True))
    known = unknown = 0
    for text in texts:
        ours, theirs = readings[text], real.get(text)
        values = {line.name: line.value for line in lines[text] if line.name}
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


@pytest.mark.parametrize(("text", "expected"), CASES["values"])
def test_one_text_is_several_values(text: str, expected: dict[str, str]) -> None:
    """The value of A by loader; `?` if the file does not say what it refers to, or it may be another. The
    service gets no variable (`!`) of a file that ends its loader."""
    for name, value in expected.items():
        reading = READERS[name](text)
        assert reading.refused if value == "!" else held(reading)["A"] == (None if value == "?" else value)


@pytest.mark.parametrize("loader", READERS)
def test_statements_name_their_lines_and_do_not_grow_without_end(loader: str) -> None:
    """A statement names its lines, whatever ends them; values that double from line to line end as not known,
    long before they fill the memory."""
    (one,) = [one for one in READERS[loader]("# a\r\n\r\nA=1\r\n").statements if one.name == "A"]
    assert (one.first, one.last) == (3, 3)
    doubled = (f"V{number}=${{V{number - 1}}}${{V{number - 1}}}" for number in range(1, 60))
    bomb = f"A={'x' * 100_000}$B\nB={'$`' * 3_000}"  # each $` of B is to Next what stands before it
    for text in ("\n".join((f"V0={'x' * 1000}", *doubled)), bomb):
        assert max(len(value or "") for value in held(READERS[loader](text)).values()) <= 2 * 131_072


# ---- Which loader


@pytest.mark.parametrize(("neighbours", "expected", "content"), [
    *((beside, expected, "A=1\n") for several, expected in CASES["neighbours"] for beside in several),
    ({"compose.yml": "=/" * 500_000}, [], "A=1\n"),
    ({"web/package.json": "[" * 100_000}, ["dotenv"], "A=1\n"),
    *CASES["contents"],
])  # fmt: skip
def test_neighbours_speak_for_a_loader(
    tmp_path: Path, neighbours: dict[str, str], expected: list[str], content: str
) -> None:
    """One that is named is the loader of web/.env; none, or several, leave it open."""
    root = write(tmp_path, {"web/.env": content, **neighbours})
    found = loaders_of(root, EnvSource("development", "web", "web/.env"), content.encode())
    assert found == (tuple(expected) or UNDECLARED)


@pytest.mark.parametrize(("text", "loader", "expected", "read_by"), CASES["fingerprints"])
def test_the_fingerprint_is_of_what_the_loader_gives(
    tmp_path: Path, text: str, loader: str, expected: str, read_by: str
) -> None:
    """A value that is not known has none: the keeper holds each reading, the frame no value at all."""
    value, keeper = fake_value("declared"), Keeper(Key(b"k" * 32, "demo"))
    content = text.replace("@", value).encode()
    (tmp_path / ".env").write_bytes(content)
    sources = (EnvSource("development", "web", ".env", loader=loader),) if loader != "-" else ()
    values = (GivenValues("development", "web", "-", content),) if loader == "-" else ()
    project = Project("app", tmp_path, environments=("development",), env_sources=sources)
    (row,) = read_env_sources(project, values, keeper)[1].to_dict("records")
    assert (row["state"], row["name"], row["loader"], value in str(row)) == (READ, "A", read_by, False)
    if expected:
        assert (row["fingerprint"], row["readings"]) == (keeper.fingerprint(expected.replace("@", value)), "")
    else:
        own = text.strip().partition("=")[2].replace("@", value)
        assert (pd.isna(row["fingerprint"]), row["faults"]) == (True, "loaders-disagree")
        assert {keeper.fingerprint(one) for one in (value, own)} <= set(keeper.fingerprints())

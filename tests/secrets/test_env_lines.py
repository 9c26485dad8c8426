"""Each line of an env file is read, not understood or blank; what dotenv reads is what is kept."""

import io
import string

import pytest
from dotenv import dotenv_values
from hypothesis import example, given, settings
from hypothesis import strategies as st

from audit_lib.secrets.env_lines import EnvLine, is_binary, looks_like_value, parse_env
from tests.support.fakes import fake_value

READ, BAD, BLANK = "read", "not understood", "blank"


def seen(content: bytes) -> list[tuple[str, str | None, str | None, str]]:
    """State, name, value and faults of each line."""
    return [(line.state, line.name, line.value, ",".join(line.faults)) for line in parse_env(content)]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"A=1", [(READ, "A", "1", "")]),
        (b"A=1\n", [(READ, "A", "1", "")]),
        (b"A=\n", [(READ, "A", "", "")]),
        (b"\n \n# note\n", [(BLANK, None, None, ""), (BLANK, None, None, ""), (READ, None, None, "")]),
        (b"export A=1\n", [(READ, "A", "1", "export")]),
        (b"export A\n", [(BAD, None, None, "no-equals")]),
        (b"A\n", [(BAD, None, None, "no-equals")]),
        (b"=1\n", [(BAD, None, None, "not-parsed")]),
        (b"[=bad\n", [(BAD, None, None, "bad-name")]),
        (b"A: 1\n", [(BAD, None, None, "not-parsed")]),
        (b"A='x y'\n", [(READ, "A", "x y", "quoted")]),
        (b'A="x\\ny"\n', [(READ, "A", "x\ny", "quoted")]),
        (b"A='x' junk\n", [(BAD, None, None, "not-parsed")]),
        (b'A="open\nB=2\n', [(BAD, None, None, "not-parsed"), (READ, "B", "2", "")]),
        (
            b'A="1\n\n2"\nB=3\n',
            [
                (READ, "A", "1\n\n2", "quoted"),
                (READ, None, None, "continuation"),
                (READ, None, None, "continuation"),
                (READ, "B", "3", ""),
            ],
        ),
        (b'A="1\n2" junk\n', [(BAD, None, None, "not-parsed")] * 2),
        (b"'A\nB'=1\n", [(BAD, None, None, "bad-name")] * 2),
        (b"A=1 # why\n", [(READ, "A", "1", "comment")]),
        (b"A=1#2\n", [(READ, "A", "1#2", "")]),
        (b"A = 1\n", [(READ, "A", "1", "spaces")]),
        (b"A=1 \n", [(READ, "A", "1", "spaces")]),
        (b"A=' 1'\n", [(READ, "A", " 1", "quoted,spaces")]),
        (b"A=1\nA=2\n", [(READ, "A", "1", "duplicate,overridden"), (READ, "A", "2", "duplicate")]),
        (b"A=1\na=2\n", [(READ, "A", "1", "case"), (READ, "a", "2", "case")]),
        (b"A=x$B\n", [(READ, "A", "x$B", "dollar")]),
        (b"A=${HOME}\n", [(READ, "A", "${HOME}", "dollar,interpolation")]),
        ("A=“1”\n".encode(), [(READ, "A", "“1”", "smart-quotes")]),
        ("A=1\u200b2\n".encode(), [(READ, "A", "1\u200b2", "invisible")]),
        (b"A=1\xc2\xa02\n", [(READ, "A", "1\xa02", "invisible")]),
        (b"A=1\r\nB=2\r\n", [(READ, "A", "1", "crlf"), (READ, "B", "2", "crlf")]),
        (b"bad line\r\nB=2\r\n", [(BAD, None, None, "not-parsed,crlf"), (READ, "B", "2", "crlf")]),
        (b"A=1\rB=2", [(READ, "A", "1", "crlf"), (READ, "B", "2", "")]),
        (b"\xef\xbb\xbfA=1\n", [(READ, "A", "1", "bom")]),
        ("A=1\nB=é\n".encode("utf-16"), [(READ, "A", "1", "utf-16"), (READ, "B", "é", "")]),
        (b"\xfe\xff" + "A=1".encode("utf-16-be"), [(READ, "A", "1", "utf-16")]),
        ("A=1\n".encode("utf-16") + b"x", [(READ, "A", "1", "utf-16"), (BAD, None, None, "undecodable")]),
        (b"A=\xff\nB=2\n", [(BAD, None, None, "undecodable"), (READ, "B", "2", "")]),
        (b"A=1\0\nB=2\n", [(BAD, None, None, "nul"), (READ, "B", "2", "")]),
        (b'A="1\n\0\n2"\n', [(BAD, None, None, "nul")] * 3),
        (b"A=x" + b" " * 100 + b"y\n", [(BAD, None, None, "too-long")]),
    ],
)
def test_each_line_ends_in_one_state(
    content: bytes, expected: list[tuple[str, str | None, str | None, str]]
) -> None:
    """State, name, value and faults are those of the table, line by line."""
    assert seen(content) == expected


def test_a_line_of_ten_megabytes_is_not_understood_and_the_rest_is_read() -> None:
    """No process could hold such a value: the line is counted, the next one is read."""
    lines = parse_env(b"A=" + b"x" * 10_000_000 + b"\nB=1\n")
    assert [(line.state, line.name, line.faults) for line in lines] == [
        (BAD, None, ("too-long",)),
        (READ, "B", ()),
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", False),
        (b"A=1\n", False),
        (b"A=\xff\n", False),
        (b"A=" + b"1" * 40 + b"\0\n", False),
        (b"A=\0\xff" + b"1" * 40, True),
        (b"\x7fELF\x02\x01\x01" + b"\0" * 9, True),
        ("A=1\n".encode("utf-16-le"), True),
        ("A=1\n".encode("utf-16"), False),
    ],
)
def test_binary_is_told_from_text(content: bytes, *, expected: bool) -> None:
    """NULs make a file binary unless it has a byte order mark or is UTF-8 with few of them."""
    assert is_binary(content) is expected


def test_a_secret_in_the_place_of_a_name_is_not_shown() -> None:
    """A token alone on its line, with `=` at its end or behind a colon is a suspect and no name."""
    token = fake_value("token", 32) + "7aB"
    for content in (
        f"{token}\n",
        f"{token}==\n",
        f"API_TOKEN: {token}\n",
        f"{token}=x y\n",
        f"set A '{token}'\n",
    ):
        (line,) = parse_env(content.encode())
        assert line.state == BAD
        assert line.name is None
        assert line.suspects == (token,)
        assert token not in repr(line)


@pytest.mark.parametrize(
    "name",
    [
        "API_TOKEN",
        "NEXT_PUBLIC_BACKEND_API_BASE_URL",
        "S3_BUCKET_NAME_FOR_UPLOADS_2",
        "AzureWebJobsStorageConnectionString",
        "ConnectionStrings__DefaultConnection",
        "spring.datasource.password",
    ],
)
def test_ordinary_names_do_not_look_like_values(name: str) -> None:
    """Long names of words are names."""
    assert not looks_like_value(name)


@pytest.mark.parametrize(
    "alphabet", [string.hexdigits[:16], string.ascii_uppercase + "234567", string.ascii_letters]
)
def test_generated_values_do_not_look_like_names(alphabet: str) -> None:
    """Of 300 values each in hexadecimal, base32 and letters alone, none passes for a name."""
    assert all(looks_like_value(fake_value(f"name {seed}", 40, alphabet)) for seed in range(300))


# Whatever means something to the parser, kinds of white space, and what no encoding should hold.
PIECES = st.one_of(
    st.sampled_from("AB='\"\\#x$é \t\n\r\0\x0b\x85\u2028\ufeff\ud800"),
    st.sampled_from(("\r\n", "export ", "${A}")),
)
TEXTS = st.lists(PIECES, max_size=40).map(lambda pieces: "".join(pieces).encode("utf-8", "surrogatepass"))


@settings(max_examples=400, deadline=None)
@given(st.one_of(TEXTS, st.binary(max_size=200)))
@example(b"\xff\xfe\x00")
@example(b"\x00\x00\xfe\xff\xff\xff\xff\xff")
def test_no_bytes_raise_and_no_line_is_lost(content: bytes) -> None:
    """Whatever the bytes are, each line is there once, in order and in one of three states."""
    lines = parse_env(content)
    assert [line.line for line in lines] == list(range(1, len(lines) + 1))
    assert {line.state for line in lines} <= {READ, BAD, BLANK}
    if not content.startswith((b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")):
        text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
        assert len(lines) == len(list(io.StringIO(text, newline="")))


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_what_is_read_is_what_the_application_reads(content: bytes) -> None:
    """Names in force have the values that python-dotenv gives without interpolation."""
    text = content.decode("utf-8", "surrogateescape")
    if "\ufeff" in text or any(line.state == BAD for line in parse_env(content)):
        return
    translated = io.StringIO(text.replace("\r\n", "\n").replace("\r", "\n"))
    ours = {line.name: line.value for line in parse_env(content) if line.name}
    assert ours == dict(dotenv_values(stream=translated, interpolate=False))


def test_values_and_suspects_never_show_in_a_representation() -> None:
    """The representation of a line, which a traceback could print, holds no value."""
    value = fake_value("hidden")
    line = EnvLine(1, READ, "A", value, suspects=(value,))
    assert value not in repr(line)

"""Setting one variable in an env file: only it changes, every loader reads it, a crash leaves one of two."""

import stat
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, example, given, settings, strategies as st

from audit_lib.base.errors import BadInput
from audit_lib.rotation.change import SUFFIX, replace_file, with_value
from audit_lib.secrets.env import decoded, parse_env
from audit_lib.secrets.loaders import READERS, YAML
from tests.support.fakes import fake_value

NEW = fake_value("new", 40)
PYTHON = ("python-dotenv",)
CASES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))


def _edit(text: str, loaders: tuple[str, ...] = PYTHON) -> str:
    return decoded(with_value(text.encode(), "KEY", lambda _: NEW, loaders, "file"))[0]


@pytest.mark.parametrize(("before", "after"), CASES["kept"].values(), ids=CASES["kept"])
def test_all_else_is_kept(before: str, after: str) -> None:
    """Comments, order, line ends and encoding stay. Quotes go, and a comment behind the value gets a line of
    its own: docker would take both into the value."""
    assert _edit(before) == after.format(NEW)


def test_quotes_stay_that_a_value_needs() -> None:
    """Where the file's own loader alone can read the value, nothing but the value changes."""
    edited = with_value(b'export KEY = "old" # why\n', "KEY", lambda _: "two #words", PYTHON, "file")
    assert edited == b'export KEY = "two #words" # why\n'


def test_what_is_not_clear_is_refused() -> None:
    """A file whose value is not known, or set twice, is left as it is, and the message holds no value."""
    for text, fault in CASES["refused"].items():
        with pytest.raises(BadInput) as error:
            _edit(text, YAML if fault.startswith("is no env text") else PYTHON)
        assert str(error.value).startswith(f"file: {fault}")


LINES = st.one_of(
    st.sampled_from(
        ["", "# a b", "A=1", "export B='two words'", 'C="x\\ny"', "D=$A", "E = 5 # five", "junk"]
    ),
    st.from_regex(r"[F-J][A-Z]{0,3}=[ -~]{0,20}", fullmatch=True),
    st.from_regex(r"K[0-9]=['\"`]?[ -~\n]{0,20}['\"`]?", fullmatch=True),
)
OWN = st.from_regex(r"(export )?KEY ?= ?(['\"`]?)[ -~]{0,20}\2( #[ -~]{0,10})?", fullmatch=True)


@example(before=[], own="KEY=", after=["F=", "F=$"], end="\n", loaders=("compose",))
@example(before=[], own="KEY='two", after=["A=1", "K1=lines'"], end="\n", loaders=PYTHON)
@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    before=st.lists(LINES, max_size=4),
    own=OWN,
    after=st.lists(LINES, max_size=4),
    end=st.sampled_from(["\n", "\r\n"]),
    loaders=st.sampled_from([PYTHON, ("next",), ("docker",), ("dotenv", "compose"), tuple(READERS)]),
)
def test_only_this_value_changes(
    before: list[str], own: str, after: list[str], end: str, loaders: tuple[str, ...]
) -> None:
    """Of any file that can be edited, each loader reads the new value, and the others as before."""
    text = end.join([*before, own, *after])
    try:
        edited = _edit(text, loaders)
    except BadInput:
        assume(False)
    for loader in loaders:
        was, now = READERS[loader](text), READERS[loader](edited)
        if was.refused:
            continue
        old, held = ({one.name: one.value for one in read.statements if one.name} for read in (was, now))
        known = {name: value for name, value in old.items() if value is not None} | {"KEY": NEW}
        assert {name: held.get(name) for name in known} == known or "$KEY" in text or "${KEY" in text
        assert held.keys() == old.keys() | {"KEY"}
    # The lines of the others are still there, in their order: those that are no part of the value.
    lines = parse_env(text.encode(), loaders)
    own = next((line.line for line in lines if line.name == "KEY"), 0)
    inner = {line.line for line in lines if "continuation" in line.faults and line.line > own}
    position = 0
    for number, line in enumerate(text.splitlines(), 1):
        if number not in inner and line.split("=")[0] in {"A", "D", "E"}:
            position = edited.index(line, position)


def test_a_file_is_replaced_unread_or_left(tmp_path: Path) -> None:
    """The mode is the old one. Whoever holds open what lay at the temporary file's name, left by a crash or
    planted, sees nothing of the new value. What another program wrote meanwhile is not lost."""
    path = tmp_path / ".env"
    path.write_bytes(b"KEY=old\n")
    path.chmod(0o640)
    with path.with_name(path.name + SUFFIX).open("w+b") as planted:
        planted.write(b"left over")
        planted.flush()
        replace_file(path, b"KEY=old\n", b"KEY=new\n")
        planted.seek(0)
        assert planted.read() == b"left over"
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"KEY=new\n", 0o640)
    assert [one.name for one in tmp_path.iterdir()] == [".env"]
    with pytest.raises(BadInput, match="was changed meanwhile"):
        replace_file(path, b"KEY=old\n", b"KEY=newer\n")
    assert (path.read_bytes(), [one.name for one in tmp_path.iterdir()]) == (b"KEY=new\n", [".env"])

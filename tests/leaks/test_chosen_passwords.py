"""Passwords that somebody chose, and defaults: what is listed as possible, what is counted, what is none."""

import string
import tomllib
from pathlib import Path

import pytest

from audit_lib.leaks import tables
from audit_lib.leaks.rules import Rules
from audit_lib.secrecy.keeper import Keeper, Key
from tests.leaks.test_find_leaks import audit
from tests.support.fakes import fake_value
from tests.support.planter import new_plot

SMALL = string.ascii_lowercase
CASES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))


def listed(text: str, path: str) -> tuple[int, int]:
    """How many values of a file are listed, and how many counted only."""
    found = Rules(Keeper(Key(b"k" * 32, "file")), ()).find_chosen(text.encode(), path)
    return len({one.fingerprint for one in found[0]}), found[1]


@pytest.mark.parametrize(("path", "text"), [*CASES["listed"], *CASES["none"]])
def test_a_chosen_value_under_a_password_name_is_listed(path: str, text: str) -> None:
    """Six letters are no generated value, and one that somebody may use; rules, types, labels, translations,
    codes, hashes, references, others' code and what a program packed are no passwords."""
    sha, packed = fake_value("hash", 40, "0123456789abcdef"), ";t(a,{b:c})\n" * 1000
    made = text.format(v=fake_value(path, 6, SMALL), sha=sha, packed=packed, flat="a = b;\n" * 2000)
    assert listed(f"{made}\n", path) == (int([path, text] in CASES["listed"]), 0)


def test_a_login_in_a_url_has_the_name_before_it() -> None:
    """However far away in its line; without any name it is a password, never the name of a rule."""
    text = "DB_URL          := postgres://ann:qzvkjx7@db/shop\nrun postgres://ann:qzvkjx8@db/shop\n"
    found = Rules(Keeper(Key(b"k" * 32, "file")), ()).find_chosen(text.encode(), "Makefile")[0]
    assert sorted(one.name for one in found) == ["DB_URL", "password"]


def test_a_value_in_quotes_goes_to_its_quote() -> None:
    """Signs within quotes belong to the value, the name beside it does not."""
    signs, keeper = fake_value("signs", 12, SMALL) + "7<A'b[c9]{d;,$)", Keeper(Key(b"k" * 32, "file"))
    (found,) = Rules(keeper, ()).find_chosen(f'password = "{signs}"\n'.encode(), "a.py")[0]
    assert found.fingerprint == found.text == keeper.fingerprint(signs)  # beside nothing, as it is strong


@pytest.mark.parametrize(("path", "text", "found", "idle"), CASES["defaults"])
def test_a_default_is_listed_where_it_may_be_in_use(path: str, text: str, found: int, idle: int) -> None:
    """A default that deploys is listed; in a test, a document or a comment it is counted."""
    assert listed(f"{text}\n", path) == (found, idle)


def test_possible_passwords_are_a_class_of_their_own(tmp_path: Path) -> None:
    """One leak for each value, however often it is met, apart from the leaks, in use if a file has it now."""
    plot, one, other = new_plot(tmp_path / "repo"), *(fake_value(n, 7, SMALL) for n in range(2))
    plot.commit("compose.yml", f"db:\n  DB_PASSWORD: {one}\nweb:\n  DB_PASSWORD: {one}\n")
    plot.commit("app/db.py", f"login(password='{other}')\n")  # as code once did
    plot.commit("app/db.py", f'connect(password="{one}")\n')
    plot.commit("tests/test_login.py", f"login(password='{other}')\nlogin(password='admin')\n")
    found, keeper = audit(plot.root, tmp_path)
    assert list(found.leaks["kind"]) == ["possible", "possible"]
    assert set(found.leaks["fingerprint"]) == {keeper.fingerprint(one), keeper.fingerprint(other)}
    assert found.leaks["at_head"].all()
    on_disk = found.places[found.places["place"] == "working tree"]
    held = {("compose.yml", 2), ("compose.yml", 4), ("app/db.py", 1), ("tests/test_login.py", 1)}
    assert held == {(place.path, place.line) for place in on_disk.itertuples()}
    assert list(found.coverage[found.coverage["reason"].str.contains("counted, not listed")]["count"]) == [1]
    assert list(tables.tabulate_chosen_passwords(found)["variable"]) == ["DB_PASSWORD"]
    in_tests = tables.tabulate_leaked_secrets(found, tables.Exposure.of([]))[["secret", "reason", "named"]]
    assert in_tests.to_numpy().tolist() == [[tables.TESTS, tables.CHOSEN, "password"]]
    assert keeper.fingerprint(one) not in keeper  # a word would stand in reports by chance


def test_what_many_choose_is_one_question(tmp_path: Path) -> None:
    """What others guess anyway no file discloses: all such are one row with their names. A password of
    somebody's own keeps its row, whatever is beside it."""
    plot, own = new_plot(tmp_path / "repo"), fake_value(3, 7, SMALL)
    plot.commit("compose.yml", "db:\n  POSTGRES_PASSWORD: postgres\nweb:\n  ADMIN_PASSWORD: test123\n")
    alone, _ = audit(plot.root, tmp_path)
    plot.commit("deploy.yml", f"db:\n  DB_PASSWORD: {own}\n")
    found, _ = audit(plot.root, tmp_path)
    chosen = [tables.tabulate_chosen_passwords(one) for one in (alone, found)]
    assert [list(table["variable"]) for table in chosen] == [[tables.COMMON], [tables.COMMON, "DB_PASSWORD"]]
    first, second = (table.iloc[0] for table in chosen)
    assert (first["values"], first["digest"]) == (2, second["digest"])
    assert {name for name, *_ in second["covers"]} == {"POSTGRES_PASSWORD", "ADMIN_PASSWORD"}


@pytest.mark.parametrize(("files", "live", "idle"), CASES["production"])
def test_what_production_sets_otherwise_is_in_force_nowhere(
    files: dict[str, str], live: dict[str, str], idle: bool, tmp_path: Path
) -> None:
    """Another value, and known, under each name by which one is set; a URL holds others than it is."""
    plot, keeper = new_plot(tmp_path / "repo"), Keeper(Key(b"k" * 32, "file"))
    for path, text in files.items():
        plot.commit(path, f"{text}\n")
    marks = {name: keeper.fingerprint(value) if value else None for name, value in live.items()}
    held = [{"secret": name, "variable": name, "fingerprint": mark} for name, mark in marks.items()]
    found, _ = audit(plot.root, tmp_path, held=held)
    assert list(tables.tabulate_chosen_passwords(found)["variable"].eq(tables.SET_OTHERWISE)) == [idle]

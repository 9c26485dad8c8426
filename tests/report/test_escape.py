"""Attackers' text comes out inert."""

import pytest

from audit_lib.report import escape as inert


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("Größe, 設定, 🔑", "Größe, 設定, 🔑"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("a\u200bb", "a\\u200bb"),
        ("one\r\ntwo\tthree", "one\\r\\ntwo\\tthree"),
        ("\u2028", "\\u2028"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("z" + "\u0301" * 50, "z" + "\u0301" * 3),
        (7, "7"),
    ],
)
def test_what_could_act_or_hide_is_written_as_its_escape(text: object, shown: str) -> None:
    """Control, bidi, zero-width and unencodable characters become visible; letters of all scripts stay."""
    assert inert.plain(text) == shown


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "  =", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_a_formula_is_text_to_a_spreadsheet(sign: str) -> None:
    """An apostrophe stands before every sign that starts a formula, also after spaces."""
    assert inert.csv_cell(f"{sign}HYPERLINK(1)").startswith("'")
    assert not inert.csv_cell(f"a{sign}1").startswith("'")


def test_a_label_is_short_and_drawable() -> None:
    """A figure's text keeps both ends and holds no character that the font lacks."""
    label = inert.label("SECRET_" + "設" * 40 + "_END", width=30)
    assert len(label) == 30
    assert label.startswith("SECRET_")
    assert label.endswith("_END")
    assert label.replace("…", "").isascii()

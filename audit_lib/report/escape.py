"""Makes text that an attacker may have written inert: for pages, CSV, Markdown and figures.

Every string that reaches a reader passes through here once, at the place where it is written out."""

import re
import unicodedata

# Cc: control characters, the ESC of ANSI sequences among them. Cf: bidi overrides, zero widths, tags.
# Zl and Zp break lines in scripts and editors. Cs cannot be encoded. Co and Cn have no agreed glyph.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_BARE = re.compile(r"[\x20-\x7e]*")
_MARKS = r"[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]"
_PILE = re.compile(f"({_MARKS}{{3}}){_MARKS}+")  # marks piled on one letter cover the lines above and below
_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")  # OWASP's "CSV injection", and full-width twins
_MARKUP = re.compile(r"[\\*<>\[\]|&#~`]|(?<=\w):(?=//)|(?<=www)\.", re.IGNORECASE)


def plain(text: object) -> str:
    """The text with every character that could act or hide written as its escape, `\\x1b` or `\\u202e`.

    Ends of lines and tabs are among them. Of marks piled on one letter the first three stay. Two texts that
    differ only in what cannot be seen stay different for the reader."""
    shown = str(text)
    if _BARE.fullmatch(shown):
        return shown
    seen = (c.encode("unicode_escape").decode() if unicodedata.category(c) in _UNSAFE else c for c in shown)
    return _PILE.sub(r"\1", "".join(seen))


def plain_lines(text: str) -> str:
    """The text with each of its lines inert."""
    return "\n".join(map(plain, text.split("\n")))


def markdown(text: object) -> str:
    """The text for Markdown, in which it has neither markup nor links."""
    return _MARKUP.sub(r"\\\g<0>", plain(text))


def csv_cell(text: object) -> str:
    """The text for a CSV cell, with an apostrophe before what a spreadsheet would read as a formula."""
    shown = plain(text)
    return f"'{shown}" if _FORMULA.match(shown) else shown


def label(text: object, width: int = 48) -> str:
    """The text for a figure, cut in its middle to `width` characters; what the font lacks is its escape.

    The figures are drawn with `text.parse_math` off, so that `$` is a dollar sign."""
    shown = "".join(c if ord(c) < 0x250 else c.encode("unicode_escape").decode("ascii") for c in plain(text))
    if len(shown) <= width:
        return shown
    head = (width - 1) // 2
    return f"{shown[:head]}…{shown[len(shown) - (width - 1 - head) :]}"

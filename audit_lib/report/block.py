"""One block of a page's first screen: a heading and what is below it, as HTML and as text."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from audit_lib.report import escape as inert

# Between what the page's style sets apart: JupyterLab shows a block without that style.
APART = '<span class="apart"> · </span>'
_CODE = re.compile(r"`([^`<>]+)`|(\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b)")


@dataclass(frozen=True)
class Block:
    """A block to be displayed last in a cell. `html` is inert, and `text` says the same."""

    title: str  # "" for a block that has no heading of its own
    html: str
    text: str
    place: str = "wide"  # where it is on a wide screen: wide, left or right

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        heading = f"<h2>{inert.html(self.title)}</h2>" if self.title else ""
        return {
            "text/plain": "\n".join(filter(None, (inert.plain(self.title), inert.plain_lines(self.text)))),
            "text/html": f'<section class="{self.place}">{heading}{self.html}</section>',
        }


def named(text: str) -> str:
    """The text for HTML, the names of variables and what is between backticks in a fixed-width face."""
    return _CODE.sub(lambda found: f"<code>{found[1] or found[2]}</code>", inert.html(text))


def pairs(
    title: str, rows: Iterable[tuple[str, str, str]], empty: str, place: str = "right", colon: str = ":"
) -> Block:
    """A block of names, what is to be said of each, and what to do about it; `empty` if there is no row.

    As text `colon` is between a name and what is said of it; "" lets them be one sentence.
    """
    shown = list(rows)
    items = "".join(
        f"<div><dt>{inert.html(name)}</dt><dd>{named(said)} <b>{named(do)}</b></dd></div>"
        for name, said, do in shown
    )
    html = f"<dl>{items}</dl>" if shown else f'<p class="sub">{inert.html(empty)}</p>'
    text = "\n".join(f"{name}{colon} {said} {do}".rstrip() for name, said, do in shown) or empty
    text = text.replace("`", "")
    return Block(title, html, text, place)

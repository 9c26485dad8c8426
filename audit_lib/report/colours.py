"""One colour for one meaning, the same in every figure: page.css has each by its name, light and dark."""

import re
from functools import cache
from importlib.resources import files

COLOURS = {
    "ink": "#16191d",
    "soft": "#555e68",
    "line": "#dfe3e8",
    "shade": "#f5f6f8",
    "bad": "#a8141e",
    "badb": "#d9665f",
    "due": "#8a5a00",
    "dueb": "#d9a021",
    "ok": "#0b5cad",
    "okb": "#6aa5dc",
    "unk": "#5d6670",
    "unkb": "#aeb6bf",
    "band": "#fdeeec",
}


@cache
def word_style() -> str:
    """The rules of page.css for words, with the light colours, for a front end without the page's style."""
    css = files("audit_lib.report").joinpath("page.css").read_text("utf-8")
    rules = "".join(line for line in css.splitlines() if line.startswith(".word"))
    plain = re.sub(r"var\(--(\w+)\)", lambda found: COLOURS.get(found[1], "#fff"), rules)
    return f"<style>{plain}</style>"

"""The colours of severities and statuses for a front end that does not have the page's style."""

import re
from functools import cache
from importlib.resources import files

from audit_lib.report.colours import COLOURS


@cache
def word_style() -> str:
    """The rules of page.css for words, with the light colours written out."""
    css = files("audit_lib.report").joinpath("page.css").read_text("utf-8")
    rules = "".join(line for line in css.splitlines() if line.startswith(".word"))
    plain = re.sub(r"var\(--(\w+)\)", lambda found: COLOURS.get(found[1], "#fff"), rules)
    return f"<style>{plain}</style>"

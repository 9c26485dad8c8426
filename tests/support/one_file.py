"""An audit.toml from parts that were written apart: where things are, and what is demanded."""

import re


def one_file(*parts: str) -> str:
    """The parts as one text: first their own keys, a key of several once, then their tables."""
    keys: dict[str, str] = {}
    tables = []
    for part in parts:
        head, table = re.fullmatch(r"(?s)((?:(?!\n\[|^\[).)*\n?)(.*)", part).groups()  # type: ignore[union-attr]
        for line in re.findall(r"(?m)^\w+ = .*(?:\n(?!\w+ = ).*)*", head):
            keys.setdefault(line.split(" = ")[0], line)
        tables.append(table)
    return "\n".join([*keys.values(), "", *tables])

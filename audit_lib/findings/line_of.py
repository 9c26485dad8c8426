"""Where the value of each row's secret stands, for checks that compare values or judge their age."""

from collections import defaultdict

import pandas as pd

from audit_lib.base.contracts import rows
from audit_lib.findings.check import Check, Rows, Tables

LINE_OF, OTHER_LINE_OF = "{line_of}", "{other_line_of}"


def with_lines(check: Check, table: Rows, tables: Tables) -> Rows:
    """The rows of a check; if it cites them, with `line_of` and `other_line_of`: FILE:LINE of their secrets.

    Without a line in the inventory it is ENVIRONMENT/SERVICE, since no value was seen there.
    """
    if LINE_OF not in check.where:
        return table
    inventory, lines = tables["inventory"], defaultdict(list)
    for one in rows(inventory[inventory["line"].notna()]):
        for service in {one.service, ""}:
            lines[one.secret, one.environment, service].append(f"{one.source}:{one.line}")
    for side, field in (("", LINE_OF), ("other_", OTHER_LINE_OF)):
        if field in check.where:
            named = [table[f"{side}{name}"].astype(str) for name in ("secret", "environment", "service")]
            held = [
                ", ".join(lines[place]) if place in lines else "/".join(filter(None, place[1:]))
                for place in zip(*named, strict=True)
            ]
            table = table.assign(**{f"{side}line_of": pd.Series(held, table.index, dtype="str")})
    return table

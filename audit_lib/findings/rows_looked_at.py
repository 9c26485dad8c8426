"""The rows that a check looks at: settings left out if it spares them, with the lines of their secrets.

A file or a line without a secret has none to lose.
"""

from collections import defaultdict

import pandas as pd

from audit_lib.base.contracts import rows
from audit_lib.findings.check import Check, Rows, Tables
from audit_lib.secrets.env_lines import UNKNOWN_VALUES

LINE_OF, OTHER_LINE_OF = "{line_of}", "{other_line_of}"


def looked_at(check: Check, tables: Tables) -> Rows:
    """The rows of a check's table; for one that spares settings, without the files that hold nothing else,
    and without the settings whose value is not known: what a loader surely alters is told of them, too.

    A line that was not understood may be a secret, and so may what no inventory names.
    """
    rows = tables[check.table]
    if not check.spares_settings:
        return rows
    inventory = tables["inventory"]
    settings = inventory[inventory["kind"].eq("setting") & inventory["line"].notna()]
    if "line" in rows:
        not_known = rows["faults"].map(lambda faults: set(faults.split(",")) <= set(UNKNOWN_VALUES))
        return rows[~(_pairs(rows).isin(_pairs(settings)) & not_known.astype(bool))]
    others = inventory.loc[inventory["kind"].ne("setting"), "source"]
    bare = rows["source"].isin(settings["source"]) & ~rows["source"].isin(others)
    return rows[~(bare & rows["not_understood"].eq(0).fillna(False).astype(bool))]


def _pairs(rows: Rows) -> "pd.Series[str]":
    return rows["source"] + ":" + rows["line"].astype(str)


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

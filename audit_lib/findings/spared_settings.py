"""Leaves settings out of what a check looks at: a file or a line without a secret has none to lose."""

import pandas as pd

from audit_lib.findings.check import Check, Rows, Tables
from audit_lib.secrets.env_lines import UNKNOWN_VALUES


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

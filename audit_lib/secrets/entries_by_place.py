"""Which env entry of a place counts, and what other files of the place hold under the same name."""

from collections import defaultdict
from typing import Any

import pandas as pd

IN_FORCE = ("env file", "export", "given values")
Entry = dict[str, Any]  # one row of EnvEntries
Place = tuple[str, str]  # environment, service


def in_force(entries: pd.DataFrame) -> dict[Place, dict[str, Entry]]:
    """For each place its variables, each with the entry that counts."""
    named = entries[entries["kind"].isin(IN_FORCE) & entries["name"].notna()]
    # A stable sort: the order of the sources decides, given values come last and so count.
    ordered = named.sort_values("kind", key=lambda kind: kind.eq("given values"), kind="stable")
    held: dict[Place, dict[str, Entry]] = defaultdict(dict)
    for entry in ordered.to_dict("records"):
        held[entry["environment"], entry["service"]][entry["name"]] = {str(key): entry[key] for key in entry}
    return held


def in_each_file(entries: pd.DataFrame) -> dict[tuple[str, str, str], list[Entry]]:
    """For each environment, service and name what env files hold under it, each file's last."""
    named = entries[entries["kind"].eq("env file") & entries["name"].notna()]
    place = ["environment", "service", "name"]
    found: dict[tuple[str, str, str], list[Entry]] = defaultdict(list)
    for entry in named.drop_duplicates([*place, "source"], keep="last").to_dict("records"):
        found[entry["environment"], entry["service"], entry["name"]].append(
            {str(key): entry[key] for key in entry}
        )
    return found


def others(entry: Entry, in_files: dict[tuple[str, str, str], list[Entry]]) -> list[Entry]:
    """What other env files of a place hold under the name of the entry that counts."""
    if entry["kind"] != "env file":
        return []
    same = in_files.get((entry["environment"], entry["service"], entry["name"]), [])
    return [other for other in same if other["source"] != entry["source"]]

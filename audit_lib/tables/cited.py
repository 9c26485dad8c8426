"""Gives each success in a table the line of the log where the first of its group stands."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from audit_lib.contracts import Timeline, Uses, rows
from audit_lib.sources.log_places import Wanted
from audit_lib.tables.requests import Window, succeeded, within
from audit_lib.tables.scene import Scene

Find = Callable[[Sequence[Wanted]], list[int | None]]


def cited_timeline(scene: Scene, timeline: pd.DataFrame, find: Find) -> pd.DataFrame:
    """`Timeline` whose successes name `file:line`; the file alone where the line is not found again."""
    chosen = timeline["kind"].eq("successes")
    classes = scene.clients.groupby("classification")["client"].agg(frozenset)
    routes = _protected(scene)
    wanted = [
        Wanted(row.evidence, row.not_before_at, row.at is not None, classes[row.subject], routes)
        for row in rows(timeline[chosen])
    ]
    return Timeline.checked(_cited(timeline, chosen, wanted, find))


def cited_uses(scene: Scene, uses: pd.DataFrame, window: Window, find: Find) -> pd.DataFrame:
    """`Uses` whose evidence is the first success of each source in the window as `file:line`."""
    here = within(scene.requests, window)
    here = here[succeeded(here)].sort_values(["timed", "not_before_at"], ascending=[False, True])
    first = here.drop_duplicates("client").set_index("client")
    routes = _protected(scene)
    wanted = [
        Wanted(str(row["source"]), _instant(row["not_before_at"]), row["timed"], frozenset([name]), routes)
        for name, row in ((name, first.loc[name]) for name in uses["client"])
    ]
    places = uses.assign(evidence=[one.source for one in wanted])
    return Uses.checked(_cited(places, places["client"].notna(), wanted, find))


def _protected(scene: Scene) -> frozenset[str]:
    known = scene.requests.loc[scene.requests["protected"], "route"]
    return frozenset(known.cat.categories[known.cat.codes.unique()])


def _cited(
    frame: pd.DataFrame, chosen: "pd.Series[bool]", wanted: Sequence[Wanted], find: Find
) -> pd.DataFrame:
    lines = find(wanted)
    places = [f"{one.source}:{line}" if line else one.source for one, line in zip(wanted, lines, strict=True)]
    evidence = frame["evidence"].to_numpy(dtype=object, copy=True)
    evidence[chosen.to_numpy()] = places
    return frame.assign(evidence=evidence)


def _instant(at: Any) -> Any:
    return None if pd.isna(at) else at

"""Where known values were found: one frame over history and files, and what was not searched."""

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from audit_lib.base.git import GitFailed
from audit_lib.base.progress import Progress, quiet
from audit_lib.base.tree import NotSearched
from audit_lib.leaks.contracts import LeakCoverage, Sightings
from audit_lib.leaks.exact_search import ExactSearch
from audit_lib.leaks.git_coverage import lacking_objects, repository_limits
from audit_lib.leaks.git_objects import Listing, begin_listing
from audit_lib.leaks.held_places import Held, history_state, recalled
from audit_lib.leaks.history_walk import HistoryWalk, LazyWalk
from audit_lib.leaks.place_objects import Placed, place_objects
from audit_lib.leaks.private_keys import PRIVATE_KEY
from audit_lib.leaks.scan_cache import Memory, ScanCache
from audit_lib.leaks.search_files import FileSearch, InFile, search_elsewhere, search_files
from audit_lib.leaks.search_objects import ObjectSearch, search_objects
from audit_lib.leaks.sightings import Sighting, merged
from audit_lib.logs.formats import LogFormats
from audit_lib.logs.log_files import outside_logs
from audit_lib.logs.quote_lines import line_times
from audit_lib.secrecy.keeper import Keeper
from audit_lib.settings import Project

_OUTSIDE = "is a log outside the project: its lines are counted, and values are not searched for"


@dataclass(frozen=True)
class LeakSearch:
    """What one search gave, by the contracts Sightings and LeakCoverage."""

    sightings: pd.DataFrame
    coverage: pd.DataFrame
    new_objects: int  # how many were read, since they were not known to hold nothing


def search_leaks(
    project: Project,
    keeper: Keeper,
    targets: pd.DataFrame,
    *,
    values: Mapping[str, str] = MappingProxyType({}),
    walk: LazyWalk | None = None,
    listing: "Future[Listing] | None" = None,
    also: tuple[Path, ...] = (),
    cache: Path | None = None,
    fresh: bool = False,
    progress: Progress = quiet,
) -> LeakSearch:
    """Every place of every target (LeakTargets) in the project, in every form.

    `values` says of a text that is a target whose value it holds: the sighting is that value's.

    The objects are those of the `listing`, if one was begun, and so it is with the `walk`. The folders
    `also` named are searched each time: they change all day.

    A cache folder remembers contents that held nothing: it holds no value, and
    with `fresh` it is not believed.
    A repository that cannot be read is a row "incomplete" of the coverage, never an error.
    """
    listing = listing or begin_listing(project.root)
    walk = walk or LazyWalk(project.root, listing)
    search = _search_for(keeper, targets)
    scans = ScanCache(cache, keeper.key, project.root, "values", search.digest, believe=not fresh)
    files = search_files(project.root, search, homes_of(project), scans, progress)
    files.left_out += [NotSearched(name, _OUTSIDE) for name in outside_logs(project)]
    objects, placed, memory = _search_history(
        project.root, search, scans.memory, listing, walk=walk, progress=progress
    )
    scans.store(replace(memory, files=frozenset(files.clean), found=files.known))
    elsewhere = {folder: search_elsewhere(folder, search, progress) for folder in also}
    found = [one for search_of in (files, *elsewhere.values()) for one in search_of.found]
    met = (*placed.sightings, *(_in_file(one, search) for one in found))
    sightings = (
        replace(one, fingerprint=values[one.fingerprint]) if one.fingerprint in values else one for one in met
    )
    coverage = [
        *_object_rows(project.root, objects, search),
        *_file_rows(files, search),
        *(row for folder, done in elsewhere.items() for row in _file_rows(done, search, folder)),
        *_target_rows(targets),
    ]
    return LeakSearch(Sightings.of(merged(sightings)), LeakCoverage.of(coverage), objects.read)


def dated_lines(sightings: pd.DataFrame, project: Project, formats: LogFormats) -> pd.DataFrame:
    """`Sightings`, each in a line of a log with the time of that line."""
    in_log = sightings[sightings["place"].eq("log") & sightings["line"].notna()]
    lines: dict[str, set[int]] = {}
    for path, line in in_log[["path", "line"]].itertuples(index=False, name=None):
        lines.setdefault(path, set()).add(int(line))
    times = line_times(project, lines, formats) if lines else {}
    at = [times.get((path, int(line))) for path, line in zip(in_log["path"], in_log["line"], strict=True)]
    authored = sightings["authored_at"].copy()
    authored.loc[in_log.index] = pd.Series(at, index=in_log.index, dtype=authored.dtype)
    return Sightings.checked(sightings.assign(authored_at=authored))


def homes_of(project: Project) -> frozenset[str]:
    """The env files on disk: where values belong, so that none there is a leak."""
    return frozenset(source.path for source in project.env_sources if not source.example)


def _search_for(keeper: Keeper, targets: pd.DataFrame) -> ExactSearch:
    everywhere = targets[targets["searched"] == "everywhere"]
    chosen = targets["kind"] == "possible"
    beside = targets[(targets["searched"] == "beside its name") & ~chosen]
    weak = dict(
        zip(beside["fingerprint"], (tuple(names.split(",")) for names in beside["names"]), strict=True)
    )
    # Keys of a kind begin alike, and end alike in several formats.
    keys = targets.loc[targets["names"] == PRIVATE_KEY, "fingerprint"]
    return ExactSearch(
        keeper, everywhere["fingerprint"], weak, texts=targets.loc[chosen, "fingerprint"], whole=keys
    )


def _search_history(
    root: Path,
    search: ExactSearch,
    memory: Memory,
    listing: "Future[Listing]",
    *,
    walk: LazyWalk,
    progress: Progress,
) -> tuple[ObjectSearch, Placed, Memory]:
    """What the objects hold, its places, and what the next search may believe."""
    if not os.path.lexists(root / ".git"):
        return ObjectSearch(), Placed([]), Memory()
    done, state, walked = ObjectSearch(), "", HistoryWalk()
    with suppress(GitFailed):  # what fails here fails again in the search, which says so
        state = history_state(root, listing.result())
        if held := recalled(memory.held, state):
            done = ObjectSearch(listing=listing.result(), left_out=held.left_out, lacking=held.lacking)
            return done, Placed(held.sightings), memory
        if listing.result().is_new(memory):
            walked = walk.result() or walked
    with ThreadPoolExecutor(1) as pool:
        lacking = pool.submit(lacking_objects, root, walked=walked.is_whole)
        done = search_objects(root, search, memory, listing, walk=walked, progress=progress)
        placed = place_objects(root, done, search, memory, walked)
        done.lacking = lacking.result()
    return done, placed, _remember(done, placed, memory, state)


def _remember(objects: ObjectSearch, placed: Placed, before: Memory, state: str) -> Memory:
    """What the next search may believe; if git failed or an object is missing, of the objects nothing."""
    complete = not objects.failed and not objects.missing and objects.read >= objects.asked
    if not complete or objects.listing is None:
        return Memory()
    held = Held(placed.sightings, objects.left_out, objects.lacking or "").text(state) if state else ""
    return Memory(
        listing=objects.listing.digest,
        refs=placed.refs,
        marked=tuple(sorted(objects.marked)),
        commits=placed.commits,
        held=held,
        packed=objects.listing.clean(objects.marked, before),
    )


def _object_rows(root: Path, done: ObjectSearch, search: ExactSearch) -> list[dict[str, Any]]:
    """Git failing is "incomplete", whatever was found until then."""
    if not os.path.lexists(root / ".git"):
        return [_row("git objects", ".git", "not searched", 0, "the project is not a git repository")]
    left_out = [*repository_limits(root, done.lacking), *done.left_out]
    state = "incomplete" if done.failed else "partly" if left_out else "searched"
    count = done.listing.count if done.listing else None
    rows = [_row("git objects", ".git", state, count, done.failed)]
    return rows + [_left_out("git objects", one, search) for one in sorted(left_out)]


def _in_file(one: InFile, search: ExactSearch) -> Sighting:
    inside = f"!{search.scrub(one.inside)}" if one.inside else ""
    return Sighting(
        fingerprint=one.found.fingerprint,
        matched=one.found.matched,
        place=one.place,
        path=(one.path if one.clean else search.scrub(one.path)) + inside,
        line=one.found.line or None,
        encoding=one.found.encoding if one.found.line else f"{one.found.encoding} in its name",
        content=f"{one.path}:{one.inside}:{one.found.start}",
    )


def _file_rows(files: FileSearch, search: ExactSearch, elsewhere: Path | None = None) -> list[dict[str, Any]]:
    """Of the project, or of a folder outside it."""
    part, place = ("files outside", search.scrub(str(elsewhere))) if elsewhere else ("files", ".")
    rows = [_row(part, place, "partly" if files.left_out else "searched", files.listed, "")]
    return rows + [_left_out(part, one, search) for one in sorted(files.left_out)]


def _target_rows(targets: pd.DataFrame) -> Iterator[dict[str, Any]]:
    targets = targets[targets["kind"] != "possible"]  # what patterns found, and their own row counts
    counts = targets["searched"].value_counts()
    yield _row("values", "", "searched", int(counts.get("everywhere", 0)), "in every form, in every place")
    # By name: the order of fingerprints is another under another key.
    partly = targets[targets["searched"] != "everywhere"].sort_values(["variable", "searched", "reason"])
    for target in partly.itertuples():
        state = "partly" if target.searched == "beside its name" else "not searched"
        yield _row("values", str(target.variable), state, 1, str(target.reason))


def _left_out(part: str, one: NotSearched, search: ExactSearch) -> dict[str, Any]:
    return _row(part, search.scrub(one.place), "not searched", 1, one.reason)


def _row(part: str, place: str, state: str, count: int | None, reason: str) -> dict[str, Any]:
    return {"part": part, "place": place, "state": state, "count": count, "reason": reason}

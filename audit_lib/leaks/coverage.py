"""How much of a project was searched for leaks, and everything that was not."""

from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd

from audit_lib.base.files import NotSearched
from audit_lib.leaks.contracts import LeakCoverage
from audit_lib.leaks.history import repository_limits
from audit_lib.leaks.scan import Discovery, Repository, ValueSearch
from audit_lib.leaks.sources import Reading
from audit_lib.leaks.values import Values

_IDLE = (
    "values under a password's name are placeholders, or defaults in a comment, a test, an example or a "
    "document: counted, not listed"
)


def value_coverage(
    repository: Repository, done: ValueSearch, targets: pd.DataFrame, values: Values
) -> pd.DataFrame:
    """`LeakCoverage` of the search for values."""
    rows = [
        *_object_rows(repository, done, values),
        *_file_rows("files", ".", done.files, values),
    ]
    for folder, reading in done.outside.items():
        place = values.scrub(str(folder))
        rows += _file_rows("files outside", place, reading, values)
    return LeakCoverage.of([*rows, *_target_rows(targets)])


def pattern_coverage(done: Discovery) -> pd.DataFrame:
    """`LeakCoverage` of the search by patterns."""
    state = "incomplete" if done.failed else "partly" if done.left_out else "searched"
    parts = [_row("patterns", ".", state, None, done.failed)]
    if done.idle:
        parts.append(_row("patterns", "files", "partly", len(done.idle), _IDLE))
    parts += [_row("patterns", one.place, "not searched", 1, one.reason) for one in sorted(done.left_out)]
    return LeakCoverage.of(parts)


def _object_rows(repository: Repository, done: ValueSearch, values: Values) -> list[dict[str, Any]]:
    """Git failing is "incomplete", whatever was found until then."""
    if not repository.there:
        return [_row("git objects", ".git", "not searched", 0, "the project is not a git repository")]
    failed = "; ".join(dict.fromkeys([*filter(None, [repository.failed]), *done.objects.faults]))
    left_out = [*repository_limits(repository.root), *done.objects.left_out]
    state = "incomplete" if failed else "partly" if left_out else "searched"
    count = None if repository.failed else len(repository.objects)
    return [
        _row("git objects", ".git", state, count, failed),
        *_left_out("git objects", left_out, values),
    ]


def _file_rows(part: str, place: str, reading: Reading, values: Values) -> list[dict[str, Any]]:
    state = "partly" if reading.left_out else "searched"
    return [_row(part, place, state, reading.count, ""), *_left_out(part, reading.left_out, values)]


def _left_out(part: str, left_out: Iterable[NotSearched], values: Values) -> Iterator[dict[str, Any]]:
    for one in sorted(set(left_out)):
        yield _row(part, values.scrub(one.place), "not searched", 1, one.reason)


def _target_rows(targets: pd.DataFrame) -> Iterator[dict[str, Any]]:
    targets = targets[targets["kind"] != "possible"]  # what patterns found, and their own row counts
    counts = targets["searched"].value_counts()
    yield _row("values", "", "searched", int(counts.get("everywhere", 0)), "in every form, in every place")
    # By name: the order of fingerprints is another under another key.
    partly = targets[targets["searched"] != "everywhere"].sort_values(["variable", "searched", "reason"])
    for target in partly.itertuples():
        state = "partly" if target.searched == "beside its name" else "not searched"
        yield _row("values", str(target.variable), state, 1, str(target.reason))


def _row(part: str, place: str, state: str, count: int | None, reason: str) -> dict[str, Any]:
    return {"part": part, "place": place, "state": state, "count": count, "reason": reason}

"""What to do first, and whether a pipeline stops."""

import pandas as pd
import pytest

from audit_lib.leaks.tables import exit_code

CLASSES = ("in-force", "not-known", "not-in-force", "possible")
WHOLE = [("git objects", "searched"), ("files", "searched"), ("values", "searched")]


def _leaks(*rows: tuple[str, str]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["kind", "force"])
    return table.assign(variable=[f"NAME_{number}" for number in range(len(rows))])


def _coverage(rows: list[tuple[str, str]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["part", "state"]).assign(count=1)


A_CLASS_STOPS_WITH_ALL_T = (
    (("leak", "in force"), (3, 3, 3, 3)), (("pattern", "not known"), (0, 3, 3, 3)),
    (("truncated", "not in force"), (0, 0, 3, 3)), (("possible", "not known"), (0, 0, 0, 3)),
    (("hash", "not known"), (0, 0, 0, 3)), (("template", "not known"), (0, 0, 0, 0)),
)  # fmt: skip


@pytest.mark.parametrize(("leak", "codes"), A_CLASS_STOPS_WITH_ALL_T)
def test_a_class_stops_with_all_that_is_more_urgent(leak: tuple[str, str], codes: tuple[int, ...]) -> None:
    """What is less urgent than the class named lets a pipeline go on."""
    stops = (CLASSES[: number + 1] for number in range(len(CLASSES)))
    assert tuple(exit_code(_leaks(leak), _coverage(WHOLE), one) for one in stops) == codes


WHAT_WAS_NOT_SEARCHED_IS = (
    (("files", "not searched"), 2), (("files outside", "not searched"), 2), (("patterns", "incomplete"), 2),
    (("values", "not searched"), 0), (("patterns", "partly"), 0),
)  # fmt: skip


@pytest.mark.parametrize(("row", "code"), WHAT_WAS_NOT_SEARCHED_IS)
def test_what_was_not_searched_is_no_pass(row: tuple[str, str], code: int) -> None:
    """A place that was left out is 2 where nothing was found, and a leak stays 3."""
    coverage = _coverage([*WHOLE, row])
    assert exit_code(_leaks(), coverage, ("in-force",)) == code
    assert exit_code(_leaks(("leak", "in force")), coverage, ("in-force",)) == 3

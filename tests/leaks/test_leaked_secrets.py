"""One row for each secret that leaked, in the one order of urgency."""

from typing import Any

import pandas as pd
import pytest

from audit_lib.leaks.contracts import Exposure, LeakCoverage, LeakPlaces, Leaks, LeakTargets
from audit_lib.leaks.tables import (
    exit_code,
    tabulate_exposure,
    tabulate_leaked_secrets,
    tabulate_leaks,
    with_force,
)
from audit_lib.ledger.timeline import Observation, SecretPlace, Tenure
from tests.support.rows import rows_of

DAY = pd.Timestamp("2026-05-01", tz="UTC")


def leak(name: str, **changed: Any) -> dict[str, Any]:
    """A leak of a value that only the history holds, and of which nothing is known."""
    return {
        "leak_id": name, "variable": name, "kind": "leak", "matched": "exact", "fingerprint": name,
        "first_commit": "c", "first_at": DAY, "first_committed_at": DAY, "at_head": False,
        "reachable": True, "in_force": "", "force": "not known", "occurrences": 1,
    } | changed  # fmt: skip


def ordered(*leaks: dict[str, Any], homes: tuple[dict[str, Any], ...] = ()) -> list[str]:
    """The leaks by name, in their order of urgency."""
    return list(with_force(Leaks.of(leaks), rows_of("inventory", *homes))["leak_id"])


def test_the_order_of_urgency() -> None:
    """Production first, then how long, then reach; elsewhere; not known at HEAD, in history; replaced."""
    later = DAY + pd.Timedelta(days=1)
    leaks = [
        leak("production", in_force="development,production", first_at=later),
        leak("production, longer", in_force="production"),
        leak("production, further", in_force="production", occurrences=9),
        leak("elsewhere", in_force="staging"), leak("head", at_head=True),
        leak("disk", first_commit="", first_at=None), leak("history"), leak("undated", first_at=None),
        leak("replaced", variable="OLD", at_head=True),
        leak("template", kind="template", in_force="production"),
    ]  # fmt: skip
    homes = ({"secret": "OLD", "variable": "OLD", "fingerprint": "new"},)
    expected = [
        "production, further", "production, longer", "production", "elsewhere", "head", "disk", "history",
        "undated", "replaced", "template",
    ]  # fmt: skip
    assert ordered(*leaks, homes=homes) == expected
    assert ordered(*leaks[::-1], homes=homes) == expected


@pytest.mark.parametrize(
    ("homes", "force"),
    [
        ((), "not known"),
        (({"fingerprint": "API_TOKEN"},), "in force"),
        (({"fingerprint": "other"},), "not in force"),
        (({"fingerprint": "other"}, {"fingerprint": None, "state": "not supplied"}), "not known"),
        (({"fingerprint": "other", "environment": "development"},), "not known"),
        (({"fingerprint": "other"}, {"fingerprint": "third", "environment": "staging"}), "not in force"),
        (
            (
                {"fingerprint": "other"},
                {"fingerprint": "third", "environment": "staging", "service": "worker"},
            ),
            "not known",
        ),
    ],
)
def test_not_in_force_is_earned(homes: tuple[dict[str, Any], ...], force: str) -> None:
    """A leaked value is not in force only if another one was seen in each place of its secret, production of
    each service among them: a name in development proves nothing of it."""
    table = with_force(Leaks.of([leak("API_TOKEN")]), rows_of("inventory", *homes))
    assert list(table["force"]) == [force]
    assert exit_code(table, LeakCoverage.of([]), ("not-known",)) == (3 if force == "not known" else 0)


def stay(fingerprint: str, gone: str | None, environment: str = "production") -> Tenure:
    """One value's stay until a snapshot in September saw another."""
    look = Observation(DAY.to_pydatetime(), fingerprint, "ledger#1", "ledger")
    after = Observation(pd.Timestamp("2026-09-05", tz="UTC").to_pydatetime(), gone, "ledger#2", "ledger")
    home = SecretPlace("API_TOKEN", environment, "backend")
    return Tenure(home, fingerprint, look, look, gone=after if gone else None)


BEFORE, NOBODY = "leaked before, rotated by 5 Sep 2026", "nobody gave this value"
STAYS = (
    ((), [stay("f", "g")], "not in force", "historic", BEFORE),
    (({"fingerprint": "g"},), [stay("f", "g")], "not in force", "historic", BEFORE),
    (({"fingerprint": None, "state": "not supplied"},), [stay("f", "g")], "not known", "unknown",
     f"{BEFORE}; what is in force there is not supplied"),
    ((), [stay("f", None)], "not known", "unknown", "what is in force there was not supplied"),
    ((), [stay("f", "g", "staging")], "not known", "unknown",
     "another value is in force there, but nothing shows that it replaced this one"),
    ((), [stay("other", "g")], "not known", "unknown", NOBODY),
    (({"fingerprint": "f"},), [stay("f", "g")], "in force", "emergency",
     "the leaked value is in force: rotate now"),
)  # fmt: skip


@pytest.mark.parametrize(("homes", "stays", "force", "status", "reason"), STAYS)
def test_the_ledger_knows_a_rotated_value_again(
    homes: tuple[dict[str, Any], ...], stays: list[Tenure], force: str, status: str, reason: str
) -> None:
    """A value that a pattern finds, and that no source holds any more, is the earlier one of its secret."""
    inventory = rows_of("inventory", *homes)
    seen = {
        "fingerprint": "f", "matched": "exact", "place": "commit", "path": "a.py", "line": 3, "commit": "c1",
        "encoding": "plain", "authored_at": DAY, "committed_at": DAY, "at_head": True, "reachable": True,
        "occurrences": 1,
    }  # fmt: skip
    target = {
        "fingerprint": "f", "variable": "token of a kind", "names": "token of a kind",
        "in_force": "production" if force == "in force" else "", "kind": "pattern", "searched": "everywhere",
        "reason": "",
    }  # fmt: skip
    table, _ = tabulate_leaks(pd.DataFrame([seen]), LeakTargets.of([target]), inventory, stays=stays)
    known = "API_TOKEN" if stays[0].fingerprint == "f" else "token of a kind"
    assert (table["variable"].item(), table["force"].item()) == (known, force)
    exposure = tabulate_exposure(table, inventory, stays)
    assert list(zip(exposure["secret"], exposure["status"], exposure["reason"], strict=True)) == [
        (known, status, reason)
    ]


def exposed(secret: str, status: str, environment: str = "production", **more: Any) -> dict[str, Any]:
    """A row of Exposure."""
    place = {"environment": environment, "service": "backend" if environment else "", "first_at": DAY}
    return {"leak_id": secret, "secret": secret, "status": status, "reason": "why"} | place | more


def test_a_secret_is_one_row_of_its_worst_status() -> None:
    """In force in two places and replaced in a third: one row, of production, with the two and all places."""
    rows = [
        exposed("KEY", "emergency", "staging"),
        exposed("KEY", "emergency"),
        exposed("KEY", "historic", "development", leak_id="OLDER"),
        exposed("FOUND", "unknown", ""),
    ]
    leaks = Leaks.of(
        [leak("KEY", in_force="production,staging"), leak("OLDER"), leak("FOUND", kind="pattern")]
    )
    places = LeakPlaces.of(
        {"leak_id": "KEY", "place": "commit", "path": f"f{n}", "line": n, "commit": "c" * 40, "encoding": ""}
        for n in range(7)
    )
    table = tabulate_leaked_secrets(leaks, places, Exposure.of(rows))
    key, found = table.to_dict("records")
    assert (key["secret"], key["status"], key["environment"]) == ("KEY", "emergency", "production")
    assert key["covers"] == (("KEY", "production", "backend"), ("KEY", "staging", "backend"))
    assert key["places"].endswith("f4:4 in cccccccccccc; and 2 more in report.json")
    assert key["also"] == "; other values of it that leaked: OLDER"
    assert (found["secret"], found["status"], found["covers"]) == ("FOUND", "unknown", ())

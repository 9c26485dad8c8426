"""A small made-up audit: every status, hostile texts, days that were read and days that were not."""

from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path

import pandas as pd

from audit_lib.audit import Audit
from audit_lib.base.clock import Quarter
from audit_lib.logins.parameters import detection_policy
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.settings import Policy, Project, bundled_policy
from tests.support.rows import TABLES, contract_of, data, filled, rows_of

QUARTER = Quarter(2026, 3)
AS_OF = datetime(2026, 9, 30, 23, 59, 59, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>$\\frac{1$\x1b[31m\u202e=cmd|x"
ROWS = data(Path(__file__).with_suffix(".toml"))
EMPTY = ("evidence", "leaks", "leak_places", "leak_lives", "exposure", "changes", "rotations", "sign_offs")


@cache
def _frame(table: str) -> pd.DataFrame:
    """A table of the audit, with its hostile texts."""
    texts = {"«hostile»": HOSTILE}
    rows = ({name: texts.get(str(held), held) for name, held in row.items()} for row in ROWS[table])
    return filled(contract_of(table), rows)


sources, freshness, log_counts = (partial(_frame, name) for name in ("sources", "freshness", "log_counts"))
findings, detections = partial(_frame, "findings"), partial(_frame, "detections")
leak_coverage = partial(_frame, "leak_coverage")


@cache
def _usual() -> dict[str, pd.DataFrame]:
    """Every frame by name, which nobody changes in place: made once, since each is judged."""
    empty = {name: contract_of(name).of([]) for name in (*EMPTY, *TABLES)}
    return empty | {name: _frame(name) for name in ROWS} | {"population": rows_of("population", {})}


def audit(**changed: pd.DataFrame) -> Audit:
    """The made-up audit; a frame given by name stands in for the usual one."""
    made_up = Audit(
        project=Project("shop", Path("/nowhere/shop")),
        policy=Policy("shop", Path("shop.toml"), "0" * 64, ()),
        quarter=QUARTER,
        as_of=AS_OF,
        keeper=Keeper(Key(b"k" * 32, "file")),
    )
    frames = {**_usual(), **changed}
    # Checks know the ages by another name.
    watch = {"watch": detection_policy(bundled_policy("generic"))}
    vars(made_up).update(watch | frames | {"ages": frames["freshness"], "checked": frames})
    return made_up

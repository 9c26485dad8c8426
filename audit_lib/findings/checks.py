"""The checks, each of its texts in checks.toml and its condition; those of earlier ones come first."""

import tomllib
from importlib import resources

from audit_lib.findings.check import Check, check_of
from audit_lib.findings.conditions import CONDITIONS

_TEXTS = tomllib.loads(resources.files("audit_lib.findings").joinpath("checks.toml").read_text("utf-8"))
CHECKS: tuple[Check, ...] = tuple(
    check_of({**_TEXTS["defaults"].get(block["table"], {}), **block}, CONDITIONS[block["id"]])
    for block in _TEXTS["check"]
)
BY_ID = {check.id: check for check in CHECKS}
# Checks before 0.3.0 by the one that each was merged into.
SUCCESSORS = {earlier: check.id for check in CHECKS for earlier in check.formerly}

"""The checks, in the order of the report."""

from audit_lib.checks.age import AGES
from audit_lib.checks.catalog import CATALOG
from audit_lib.checks.check import Check
from audit_lib.checks.detections import DETECTIONS
from audit_lib.checks.files import FILES
from audit_lib.checks.leaks import LEAKS
from audit_lib.checks.ledger import LEDGER
from audit_lib.checks.logs import LOGS
from audit_lib.checks.places import DRIFT
from audit_lib.checks.values import VALUES

CHECKS: tuple[Check, ...] = CATALOG + VALUES + DRIFT + AGES + FILES + LOGS + DETECTIONS + LEAKS + LEDGER

__all__ = ["CHECKS", "Check"]

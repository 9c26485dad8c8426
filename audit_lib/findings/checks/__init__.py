"""The checks, in the order of the report."""

from audit_lib.findings.check import Check
from audit_lib.findings.checks.configuration import CONFIGURATION
from audit_lib.findings.checks.detections import DETECTIONS
from audit_lib.findings.checks.drift import DRIFT
from audit_lib.findings.checks.env_files import FILES
from audit_lib.findings.checks.freshness import AGES
from audit_lib.findings.checks.inventory import CATALOG
from audit_lib.findings.checks.leaks import LEAKS
from audit_lib.findings.checks.ledger import LEDGER
from audit_lib.findings.checks.logs import LOGS
from audit_lib.findings.checks.ownership import OWNERSHIP
from audit_lib.findings.checks.population import POPULATION
from audit_lib.findings.checks.register import REGISTER
from audit_lib.findings.checks.triggers import TRIGGERS
from audit_lib.findings.checks.values import FORMATS, VALUES

CHECKS: tuple[Check, ...] = (
    CATALOG
    + POPULATION
    + OWNERSHIP
    + VALUES
    + FORMATS
    + DRIFT
    + AGES
    + TRIGGERS
    + FILES
    + CONFIGURATION
    + LOGS
    + DETECTIONS
    + LEAKS
    + LEDGER
    + REGISTER
)

__all__ = ["CHECKS", "Check"]

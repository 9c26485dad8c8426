"""The policy's [[alerts]]: which events, or which records of the ledger, have to be reported at once."""

from dataclasses import dataclass

from audit_lib.base.log_kinds import DECLARED, MESSAGE_KINDS, REQUEST_KINDS
from audit_lib.base.severities import SEVERITIES
from audit_lib.base.toml_table import TomlTable

# A failed login as logs show it: only where the application's policy declares one is its absence quiet.
LOGINS = ("unauthorized", "forbidden", DECLARED, "login_failed", "jwt_invalid")
REQUESTS = (*REQUEST_KINDS.values(), DECLARED)
KINDS = (*REQUESTS, *MESSAGE_KINDS)
RECORDS = ("rotation", "revocation", "acceptance", "attestation", "repair", "key bridge")


@dataclass(frozen=True)
class AlertRule:
    """One alert: so many events of these kinds within so many minutes, or so many records of the ledger."""

    name: str
    severity: str
    kinds: tuple[str, ...]
    records: tuple[str, ...]
    at_least: int
    minutes: int
    guide_line: int


def read_alerts(table: TomlTable) -> tuple[AlertRule, ...]:
    """The alerts of a policy's table, in its order; each fault is noted there."""
    return tuple(_rule(inner) for inner in table.tables("alerts"))


def _rule(table: TomlTable) -> AlertRule:
    kinds = table.texts("kinds", KINDS)
    rule = AlertRule(
        name=table.text("name", needed=True),
        severity=table.text("severity", "medium", among=SEVERITIES),
        # Another status that the policy declares is a refusal like these two.
        kinds=(*kinds, DECLARED) if {"unauthorized", "forbidden"} & {*kinds} else kinds,
        records=table.texts("records", RECORDS),
        at_least=table.number("at_least", 1, 1) or 1,
        minutes=table.number("minutes", 60, 1) or 60,
        guide_line=table.number("guide_line", 0, 1) or 0,
    )
    if bool(table.has("kinds")) == bool(table.has("records")):
        table.fault("must name either kinds of the log or records of the ledger")
    table.close()
    return rule

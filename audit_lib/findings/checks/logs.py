"""Checks on the logs: what failed in them, and whether they could be read at all."""

from functools import partial

from audit_lib.base.log_kinds import SHOWING_VALUES
from audit_lib.findings.check import Check, Rows, Truths

# Above this share of a file its counts say little, and it is worse.
NOT_UNDERSTOOD = 0.05

# A message by its name in log_formats.toml.
REPORTED_MISSING = "required secret missing"

QUALITY = ("NIST AU-3", "NIST AU-12", "ASVS 16.2.4")
PLACE = "{file}:{line}"


def _many(rows: Rows) -> Truths:
    return rows["not_understood"].gt(rows["lines"] * NOT_UNDERSTOOD).fillna(False).astype(bool)


event_check = partial(Check, table="log_events", severity="high", where=PLACE)
coverage_check = partial(Check, table="log_coverage", subject="logs", where="{places}")
log_check = partial(Check, table="sources", subject="log lines", controls=QUALITY)

LOGS = (
    event_check(
        id="secret-validation-failed",
        what="The application's own validation found secrets missing when it started.",
        why="It ran without them, or did not run at all.",
        when=lambda rows: rows["kind"].eq("secret_validation_failed"),
        subject="start-up",
        evidence="the application's own validation found secrets missing at start-up ({day})",
        remedy="Set what the next lines of the log name, and restart.",
        controls=("NIST CM-6", "NIST SI-4", "ISO A.8.9"),
    ),
    event_check(
        id="secret-reported-missing",
        what="The application named a secret as missing when it started.",
        why="It was not set where the application looked, whatever the env files say.",
        when=lambda rows: rows["message"].eq(REPORTED_MISSING),
        subject="{subject}",
        evidence="the application reported {subject} as missing at start-up ({day})",
        remedy="Check whether {subject} is missing, a placeholder or too short. Set it and restart.",
        controls=("NIST CM-6", "ISO A.8.9"),
    ),
    event_check(
        id="start-up-failed",
        what="The application did not start.",
        why="Until it starts nobody can log in; a wrong secret is a common cause.",
        when=lambda rows: rows["kind"].eq("startup_failed"),
        subject="start-up",
        evidence="the application's start-up failed ({day}; {message})",
        remedy="Read the lines before it in {file}.",
        controls=("NIST SI-4", "NIST AU-6"),
    ),
    event_check(
        id="database-failure",
        what="The application could not use the database.",
        why="A rotated password that was not updated everywhere looks like this.",
        when=lambda rows: rows["kind"].eq("database_failure"),
        subject="database",
        evidence="the database could not be used ({day}; {message})",
        remedy="Check the database's address and password, and who rotated it when.",
        controls=("NIST SI-4", "NIST AU-6"),
    ),
    event_check(
        id="value-in-log",
        what="A log line shows a value that may be a secret.",
        why="Logs are copied to places where secrets must not be.",
        severity="critical",
        when=lambda rows: rows["message"].isin(SHOWING_VALUES),
        subject="{message}",
        evidence="a line shows a value that may be a secret ({day}; {message})",
        remedy="Rotate what the line shows, keep values out of messages and URLs, and purge {file}.",
        controls=("ASVS 16.2.5", "CWE-532", "NIST SI-11"),
    ),
    coverage_check(
        id="no-logs-read",
        what="Nothing of the quarter was recognised in the logs.",
        why='Attacks cannot be seen without logs; "0 failures" would be false.',
        severity="high",
        unknown_when=lambda rows: rows["counted"].eq(0),
        evidence="{why} (log files: {files}, lines: {lines}); failed logins of {quarter} cannot be excluded",
        remedy="Name the logs in audit.toml, or export them from the platform: {remedy}",
        controls=("NIST AU-6", "NIST AU-11", "PCI 10.7"),
    ),
    coverage_check(
        id="log-gap",
        what="Days of the quarter have no log line that was read.",
        why="What happened on these days is not known.",
        severity="medium",
        unknown_when=lambda rows: rows["counted"].gt(0) & rows["days_read"].lt(rows["days"]),
        evidence="only {days_read} of the {days} days of {quarter} have a log line of {fewest}; the others "
        "were not read or not written",
        remedy="Supply the logs of the days that are missing.",
        controls=("NIST AU-11", "ASVS 16.4.1", "PCI 10.5.1"),
    ),
    coverage_check(
        id="untimed-log-lines",
        what="Requests or messages carry no time of their own.",
        why="They are counted, but no detection that needs time can use them.",
        severity="medium",
        when=lambda rows: rows["untimed"].gt(0),
        evidence="{untimed} of {counted} requests and messages have no time of their own",
        remedy="Configure the server's access log to write a time with its zone.",
        controls=("NIST AU-8", "ASVS 16.2.2"),
    ),
    log_check(
        id="log-text-only",
        what="A log was read, but no request and no known message was seen in it.",
        why="If the application logs failed logins there, none of them was counted.",
        severity="medium",
        unknown_when=lambda rows: (
            rows["kind"].eq("log")
            & rows["text_only"].gt(0).fillna(False).astype(bool)
            & (rows["requests"] + rows["messages"]).eq(0).fillna(False).astype(bool)
        ),
        evidence="{source}: {text_only} of {lines} lines are text only; no request and no message was seen",
        remedy="Add what this log writes about requests and failed logins to a formats file of your own, "
        "or supply the access log of the server in front.",
    ),
    log_check(
        id="log-not-understood",
        what="Lines of a log were not understood.",
        why="What they say, a failed login perhaps, was not counted.",
        severity=lambda rows: _many(rows).map({True: "medium", False: "low"}),
        unknown_when=lambda rows: (
            rows["kind"].eq("log") & rows["not_understood"].gt(0).fillna(False).astype(bool)
        ),
        evidence="{source}: {not_understood} of {lines} lines were not understood; {reason}",
        remedy="Add the format of these lines to log_formats.toml, with examples.",
    ),
)

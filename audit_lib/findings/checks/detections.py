"""Checks on what was detected in the logs: attacks, breaks, scans, and what could not be detected."""

from functools import partial

from audit_lib.findings.check import Check, Rows, Truths

GRAVE = ("medium", "high", "critical")
LOGINS = ("A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A14", "A20")
CHANGES = ("A9", "A10", "A11")  # A16, A17 and A18 have checks of their own, in logs.py
SEEN = "{detection_name}: {classification}; {count} from {first_at} to {last_at}"


def _found(rows: Rows, among: tuple[str, ...]) -> Truths:
    return rows["verdict"].eq("found") & rows["severity"].isin(GRAVE) & rows["detection"].isin(among)


detection_check = partial(
    Check,
    table="detections",
    severity=lambda rows: rows["severity"],
    subject="{detection} {subject}",
    evidence=SEEN,
    where="{evidence}",
)

DETECTIONS = (
    detection_check(
        id="attack-on-logins",
        what="A detection of attacks on logins found an incident of medium severity or worse.",
        why="Somebody may be guessing, or may already have got in.",
        when=lambda rows: _found(rows, LOGINS),
        remedy="Look at {subject} in the log. If it got in, or may have, rotate what it used; then block it.",
        controls=("NIST AC-7", "NIST SI-4", "ASVS 6.3.1"),
    ),
    detection_check(
        id="change-broke-logins",
        what="After a rotation, a deploy or an unrecorded change, clients fail that succeeded before.",
        why="Users are locked out; the change was incomplete or is on no record.",
        when=lambda rows: _found(rows, CHANGES),
        remedy="Give each client the current value, and record the change: audit_lib record.",
        controls=("NIST CM-3", "NIST SI-4"),
    ),
    detection_check(
        id="scan-or-flood",
        what="One source scanned for files or routes, or ran into the rate limit again and again.",
        why="Scans come before attacks; a sensitive file that was answered is a leak.",
        when=lambda rows: _found(rows, ("A12", "A15")),
        remedy="Block the address, and make sure that no such file is served.",
        controls=("NIST SI-4", "NIST AC-7"),
    ),
    detection_check(
        id="unusual-traffic",
        what="Failures or requests do not fit the usual hours, or a stretch of the log is missing.",
        why="Silence can mean an outage, a deleted log or a clock that is wrong.",
        when=lambda rows: _found(rows, ("A13", "A19")),
        remedy="Find out what happened in these hours; if lines are missing, supply the log.",
        controls=("NIST AU-6", "NIST SI-4", "PCI 10.7"),
    ),
    Check(
        id="detection-not-applied",
        what="A detection cannot say whether there was an incident.",
        why="Not knowing is not the same as none.",
        table="detections",
        severity="medium",
        unknown_when=lambda rows: rows["verdict"].eq("unknown") & rows["severity"].isin(GRAVE),
        subject="detections",
        evidence="{detection_name} is not known: {reason}",
        remedy="Log each request with its time and address, keep every day, and declare in the policy "
        "what a failed login looks like.",
        controls=("NIST SI-4", "NIST AU-3", "ASVS 16.2.2"),
        where="the logs",
    ),
)

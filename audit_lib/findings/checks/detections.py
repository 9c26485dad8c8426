"""Checks on what was detected in the logs: attacks, breaks, scans, and what could not be detected."""

from functools import partial

from audit_lib.findings.check import Check, Rows, Truths

GRAVE = ("medium", "high", "critical")
LOGINS = ("guessing", "spraying", "let-in")
CHANGES = ("known-clients-failing",)
OF_THEIR_OWN = ("database", "start")  # subjects that have checks of their own, in logs.py
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
        what="One source scanned for routes that are not there, or for files that nobody has to see.",
        why="Scans come before attacks; a sensitive file that was answered is a leak.",
        when=lambda rows: _found(rows, ("probing",)),
        remedy="Block the address, and make sure that no such file is served.",
        controls=("NIST SI-4", "NIST AC-7"),
    ),
    detection_check(
        id="unusual-traffic",
        what="The application answered with server errors, ended, or was silent.",
        why="Silence can mean an outage or a deleted log.",
        when=lambda rows: _found(rows, ("application-failing",)) & ~rows["subject"].isin(OF_THEIR_OWN),
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

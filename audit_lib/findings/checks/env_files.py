"""Checks on the files that hold values: missing, tracked, readable by others, left behind, malformed."""

import pandas as pd

from audit_lib.findings.check import Check, Rows, Truths, by_environment, no, yes
from audit_lib.findings.documents import OTHER_GUIDE

# Faults of a line (sources/env_lines.py) from which loaders read different values.
READ_DIFFERENTLY = (
    *("quoted", "smart-quotes", "spaces", "comment", "invisible", "dollar", "interpolation"),
    *("crlf", "bom", "utf-16", "case"),
)
STORAGE = ("NIST SC-28", "ASVS 13.3.1", "ISO A.8.13")
HISTORY = ("NIST IA-5(7)", "ASVS 13.3.1", "CWE-312")
CONFIG = ("NIST CM-6", "ISO A.8.9")
# What holds values and must be kept out of git, and from other accounts' eyes.
PRIVATE = ("env file", "backup", "export")


def _on_disk(rows: Rows, *kinds: str) -> Truths:
    return rows["kind"].isin(kinds) & rows["state"].isin(("read", "empty"))


def _others_may_read(rows: Rows) -> Truths:
    return rows["mode"].fillna("0600").map(lambda mode: int(mode, 8) & 0o077 != 0).astype(bool)


def _has(rows: Rows, *faults: str) -> Truths:
    return rows["faults"].map(lambda text: bool(set(faults) & set(text.split(",")))).astype(bool)


def _line_of_values(rows: Rows) -> Truths:
    return rows["kind"].isin(("env file", "export", "given values")) & rows["name"].notna()


def _severity_of_unread(rows: Rows) -> pd.Series:
    # An empty log is common: nothing was written, or nothing was kept.
    harmless = rows["kind"].isin(("log", "example", "backup")) & rows["state"].eq("empty")
    return rows["environment"].eq("production").map({True: "high", False: "medium"}).mask(harmless, "low")


FILES = (
    Check(
        id="source-missing",
        table="sources",
        severity=by_environment("high", "medium"),
        unknown_when=lambda rows: rows["state"].eq("missing") & rows["kind"].ne("example"),
        subject="{kind}",
        evidence="{source} ({kind}) is {state}: {reason}; what depends on it is not known",
        remedy="Supply it: {remedy}",
        controls=("NIST CA-7", "NIST CM-8"),
    ),
    Check(
        id="source-not-read",
        table="sources",
        severity=_severity_of_unread,
        unknown_when=lambda rows: rows["state"].isin(("unreadable", "refused", "empty")),
        subject="{kind}",
        evidence="{source} ({kind}) is {state}: {reason}; what it holds is not known",
        remedy="Make {source} a text that this account can read, or remove it from audit.toml.",
        controls=("NIST CA-7",),
    ),
    Check(
        id="guide-changed",
        table="sources",
        severity="low",
        when=lambda rows: rows["kind"].eq("guide") & rows["reason"].eq(OTHER_GUIDE),
        subject="{kind}",
        evidence="{source} {reason}: the lines that findings cite may have changed",
        remedy="Read what changed in {source}, then update the policy and its guide_sha256.",
        controls=("NIST CM-3", "ISO A.5.36"),
    ),
    Check(
        id="tracked-env-file",
        table="sources",
        severity=by_environment("critical", "high"),
        when=lambda rows: _on_disk(rows, *PRIVATE) & yes(rows["tracked"]),
        unknown_when=lambda rows: _on_disk(rows, *PRIVATE) & rows["tracked"].isna(),
        subject="{kind}",
        evidence="{source} is tracked by git: every clone has its values",
        unknown_evidence="whether git tracks {source} is not known",
        remedy="Run git rm --cached {source}, ignore it, rotate all its secrets, then purge the history.",
        controls=HISTORY,
    ),
    Check(
        id="unignored-env-file",
        table="sources",
        severity="high",
        when=lambda rows: _on_disk(rows, *PRIVATE) & no(rows["ignored"]) & ~yes(rows["tracked"]),
        unknown_when=lambda rows: _on_disk(rows, *PRIVATE) & rows["ignored"].isna() & no(rows["tracked"]),
        subject="{kind}",
        evidence="{source} is not ignored by git: the next `git add .` commits its values",
        unknown_evidence="whether git ignores {source} is not known",
        remedy="Add {source} to .gitignore.",
        controls=HISTORY,
    ),
    Check(
        id="open-file-mode",
        table="sources",
        severity=by_environment("high", "medium"),
        when=lambda rows: _on_disk(rows, *PRIVATE) & _others_may_read(rows),
        unknown_when=lambda rows: _on_disk(rows, *PRIVATE) & rows["mode"].isna(),
        subject="{kind}",
        evidence="{source} has mode {mode}; it must be 0600, for its owner alone",
        unknown_evidence="who may read {source} is not known: it has no file mode here",
        remedy="Run chmod 600 {source}",
        controls=("NIST AC-3", "NIST SC-28", "CIS 3.11"),
    ),
    Check(
        id="backup-on-disk",
        table="sources",
        severity="medium",
        when=lambda rows: _on_disk(rows, "backup"),
        subject="backup",
        evidence="{source} is a plain-text copy of secrets beside the original",
        remedy="Delete {source}, or keep it encrypted elsewhere. Rotate what others could read.",
        controls=STORAGE,
    ),
    Check(
        id="export-on-disk",
        table="sources",
        severity="high",
        when=lambda rows: _on_disk(rows, "export"),
        subject="export",
        evidence="{source} is an export of the platform's values in plain text on disk",
        remedy="Delete {source}; supply the values with --env ENVIRONMENT/SERVICE=- instead.",
        controls=STORAGE,
    ),
    Check(
        id="production-values-on-disk",
        table="sources",
        severity="medium",
        when=lambda rows: _on_disk(rows, "env file") & rows["environment"].eq("production"),
        subject="env file",
        evidence="{source} keeps production values in a file; they belong on the platform",
        remedy="Delete {source}; supply the values with --env {environment}/{service}=- instead.",
        controls=STORAGE,
    ),
    Check(
        id="env-line-not-understood",
        table="entries",
        severity="medium",
        unknown_when=lambda rows: rows["state"].eq("not understood"),
        subject="lines of {kind}",
        evidence="{source}:{line} is not a line of an env file; what it should set is not known",
        remedy="Fix the line; it must be NAME=value.",
        controls=CONFIG,
        where="{source}:{line}",
    ),
    Check(
        id="duplicate-variable",
        table="entries",
        severity="medium",
        when=lambda rows: _line_of_values(rows) & _has(rows, "duplicate"),
        subject="{name}",
        evidence="{name} is set more than once in {source}; the last line counts",
        remedy="Keep one line for {name} in {source}.",
        controls=CONFIG,
        where="{source}:{line}",
    ),
    Check(
        id="value-read-differently",
        table="entries",
        severity="low",
        when=lambda rows: _line_of_values(rows) & _has(rows, *READ_DIFFERENTLY),
        subject="lines of {kind}",
        evidence="{name}: {faults}; other loaders read a different value from this line",
        remedy="Write values without quotes, spaces, `$` or carriage returns. Save the file as plain UTF-8.",
        controls=CONFIG,
        where="{source}:{line}",
    ),
)

"""Checks on the files that hold values: missing, tracked, readable by others, left behind, malformed."""

from functools import partial

import pandas as pd

from audit_lib.findings.check import Check, Rows, Truths, by_environment, no, yes
from audit_lib.findings.documents import OTHER_GUIDE
from audit_lib.secrets.env import UNKNOWN_VALUES

# Faults of a line (secrets/env_lines.py) with which the service may hold another value than was meant.
READ_DIFFERENTLY = (*UNKNOWN_VALUES, "altered", "smart-quotes", "spaces", "invisible", "utf-16", "case")
STORAGE = ("NIST SC-28", "ASVS 13.3.1", "ISO A.8.13")
HISTORY = ("NIST IA-5(7)", "ASVS 13.3.1", "CWE-312")
CONFIG = ("NIST CM-6", "ISO A.8.9")
# What holds values and must be kept out of git, and from other accounts' eyes.
PRIVATE = ("env file", "backup", "export")


def _on_disk(rows: Rows, *kinds: str) -> Truths:
    return rows["kind"].isin(kinds) & rows["state"].isin(("read", "empty"))


def _private_on_disk(rows: Rows) -> Truths:
    return _on_disk(rows, *PRIVATE)


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


file_check = partial(Check, table="sources", subject="{kind}")
line_check = partial(Check, table="entries", controls=CONFIG, where="{source}:{line}")

FILES = (
    file_check(
        id="source-missing",
        what="A file or list that the audit expects is not there.",
        why="What depends on it cannot be judged, and an absent file must not look like a pass.",
        severity=by_environment("high", "medium"),
        unknown_when=lambda rows: rows["state"].eq("missing") & rows["kind"].ne("example"),
        evidence="{source} ({kind}) is {state}: {reason}; what depends on it is not known",
        remedy="Supply it: {remedy}",
        controls=("NIST CA-7", "NIST CM-8"),
    ),
    file_check(
        id="source-not-read",
        what="A file is there but could not be read.",
        why="Whatever it holds was not judged.",
        severity=_severity_of_unread,
        unknown_when=lambda rows: rows["state"].isin(("unreadable", "refused", "empty")),
        evidence="{source} ({kind}) is {state}: {reason}; what it holds is not known",
        remedy="Make {source} a text that this account can read, or remove it from audit.toml.",
        controls=("NIST CA-7",),
    ),
    file_check(
        id="guide-changed",
        what="The project's guide is not the text that the policy was written from.",
        why="The lines that findings cite may say something else by now.",
        severity="low",
        about=lambda rows: rows["kind"].eq("guide"),
        when=lambda rows: rows["reason"].eq(OTHER_GUIDE),
        evidence="{source} {reason}: the lines that findings cite may have changed",
        remedy="Read what changed in {source}, then update the policy and its guide_sha256.",
        controls=("NIST CM-3", "ISO A.5.36"),
    ),
    file_check(
        id="tracked-env-file",
        what="A file that holds values is tracked by git.",
        why="Every clone has the values, and deleting the file does not remove them from the history.",
        severity=by_environment("critical", "high"),
        about=_private_on_disk,
        when=lambda rows: yes(rows["tracked"]),
        unknown_when=lambda rows: rows["tracked"].isna(),
        evidence="{source} is tracked by git: every clone has its values",
        unknown_evidence="whether git tracks {source} is not known",
        remedy="Run git rm --cached {source}, ignore it, rotate all its secrets, then purge the history.",
        spares_settings=True,
        controls=HISTORY,
    ),
    file_check(
        id="unignored-env-file",
        what="A file that holds values is neither tracked nor ignored by git.",
        why='The next "git add ." commits its values.',
        severity="high",
        about=_private_on_disk,
        when=lambda rows: no(rows["ignored"]) & ~yes(rows["tracked"]),
        unknown_when=lambda rows: rows["ignored"].isna() & no(rows["tracked"]),
        evidence="{source} is not ignored by git: the next `git add .` commits its values",
        unknown_evidence="whether git ignores {source} is not known",
        remedy="Add {source} to .gitignore.",
        spares_settings=True,
        controls=HISTORY,
    ),
    file_check(
        id="open-file-mode",
        what="Other accounts of the machine may read a file that holds values.",
        why="Any program or person with an account there can take the secrets. Of a file that git tracks, "
        "every clone has them, and git does not keep the mode: `tracked-env-file` comes first.",
        severity=by_environment("high", "medium"),
        about=lambda rows: _private_on_disk(rows) & ~yes(rows["tracked"]),
        when=_others_may_read,
        unknown_when=lambda rows: rows["mode"].isna(),
        evidence="{source} has mode {mode}; it must be 0600, for its owner alone",
        unknown_evidence="who may read {source} is not known: it has no file mode here",
        remedy="Run chmod 600 {source}",
        spares_settings=True,
        controls=("NIST AC-3", "NIST SC-28", "CIS 3.11"),
    ),
    file_check(
        id="backup-on-disk",
        what="A plain copy of an env file is on the disk.",
        why="Copies are forgotten, have looser rights, and keep values that were rotated.",
        severity="medium",
        when=lambda rows: _on_disk(rows, "backup"),
        subject="backup",
        evidence="{source} is a plain-text copy of secrets beside the original",
        remedy="Delete {source}, or keep it encrypted elsewhere. Rotate what others could read.",
        controls=STORAGE,
    ),
    file_check(
        id="export-on-disk",
        what="An export of the platform's values is on the disk in clear.",
        why="It holds every secret of production in one file.",
        severity="high",
        when=lambda rows: _on_disk(rows, "export"),
        subject="export",
        evidence="{source} is an export of the platform's values in plain text on disk",
        remedy="Delete {source}; supply the values with --env ENVIRONMENT/SERVICE=- instead.",
        controls=STORAGE,
    ),
    file_check(
        id="production-values-on-disk",
        what="Values of production are in a file instead of only on the platform.",
        why="Whoever has the file has production; it ends up in backups and editors.",
        severity="medium",
        about=lambda rows: _on_disk(rows, "env file"),
        when=lambda rows: rows["environment"].eq("production"),
        subject="env file",
        evidence="{source} keeps production values in a file; they belong on the platform",
        remedy="Delete {source}; supply the values with --env {environment}/{service}=- instead.",
        controls=STORAGE,
    ),
    line_check(
        id="env-line-not-understood",
        what="A line is not a line of an env file.",
        why="What it was to set is not known, so a missing or weak value may hide in it.",
        severity="medium",
        unknown_when=lambda rows: rows["state"].eq("not understood"),
        subject="lines of {kind}",
        evidence="{source}:{line} is not a line of an env file; what it should set is not known",
        remedy="Fix the line; it must be NAME=value.",
    ),
    line_check(
        id="duplicate-variable",
        what="A variable is set more than once in one file.",
        why="The last line counts; whoever edits the first one changes nothing.",
        severity="medium",
        about=_line_of_values,
        when=lambda rows: _has(rows, "duplicate"),
        subject="{name}",
        evidence="{name} is set more than once in {source}; the last line counts",
        remedy="Keep one line for {name} in {source}.",
    ),
    line_check(
        id="value-read-differently",
        what="Loaders disagree on a value, or the service's own loader alters it.",
        why="What is not known cannot be judged, and a value that is cut is not the secret that was made.",
        severity="low",
        about=_line_of_values,
        when=lambda rows: _has(rows, *READ_DIFFERENTLY),
        subject="lines of {kind}",
        evidence="{name}: {faults}; the service may hold another value than the one that was meant",
        remedy="Write a value that all loaders read alike, or name the loader of {source} in audit.toml.",
        spares_settings=True,
    ),
)

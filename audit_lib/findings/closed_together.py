"""Which findings one action closes: those about one value, one file, one page of the guide, the history."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.findings.checks import CHECKS
from audit_lib.findings.covered import items

# What is changed to close the findings of a check, by the table that it judges …
_BY_TABLE = {
    "inventory": "value", "drift": "value", "freshness": "value", "leaked_secrets": "value",
    "rotation_pairs": "value", "half_rotations": "value", "sources": "file", "entries": "file",
    "configuration": "file", "log_coverage": "logs", "attestations": "questions",
    "acceptances": "ledger", "ledger_faults": "ledger", "ownership": "policy", "population": "policy",
    "exceptions": "finding",
}  # fmt: skip
# … and of the checks that differ from the others of their table.
_BY_CHECK = {
    "value-in-log": "line",
    "leaked-before": "history",
    "no-rotation-period": "guide",
    "public-secret-demanded": "guide",
    "guide-changed": "guide",
    "unlisted-secret": "policy",
    "coupling-not-stated": "policy",
    "unrecorded-rotation": "records",
    "unassigned-finding": "ledger",
    "not-rotated-since-breach": "value",
    "not-rotated-since-leaver": "each",  # of many secrets, which have nothing else in common
    "read-supplied-nowhere": "",
    "shared-server": "",
    "unexpected-setting": "",
    "not-set": "",
    "two-values-in-one-place": "file",
    "log-text-only": "logs",
    "log-not-understood": "logs",
    "detection-not-applied": "logs",
}
TARGETS = {check.id: _BY_TABLE.get(check.table, "") for check in CHECKS} | _BY_CHECK
WHOLE = ("guide", "policy", "history", "logs", "questions", "ledger", "records")  # one action for all of it
_NAMES = re.compile(r"[=\s]+")
Key = tuple[str, ...]


def closed_together(tables: Mapping[str, pd.DataFrame]) -> "pd.Series[Any]":
    """For each finding the id of the first that the same action closes, under the index of `findings`.

    Findings about one value hang together, whatever its names and places are; so do those about values that
    one finding names, or that must be rotated together. A new value for all of them closes each.
    """
    values, lines = _values(tables["inventory"]), _lines(tables)
    findings = tables["findings"]
    named = [list(_keys(finding, values, lines)) for finding in findings.to_dict("records")]
    open_ = findings["status"].eq("open")
    pairs = [
        [*_of(values, row.secret, row.environment), *_of(values, row.other_secret, row.environment)]
        for row in rows(tables["rotation_pairs"])
    ]
    # What is not known joins nothing: it names many secrets that have only their missing evidence in common.
    root = _joined([*(keys if one else keys[:1] for keys, one in zip(named, open_, strict=True)), *pairs])
    first: dict[Key, str] = {}
    labels = [first.setdefault(root[keys[0]], id_) for keys, id_ in zip(named, findings["id"], strict=True)]
    return pd.Series(labels, index=findings.index, dtype="str")


def _values(inventory: pd.DataFrame) -> dict[Key, list[Key]]:
    """The values that a secret has in an environment; of one without a value its place."""
    found: dict[Key, list[Key]] = {}
    for row in rows(inventory):
        key = ("value", row.fingerprint) if row.fingerprint else ("place", row.secret, row.environment)
        found.setdefault((row.secret, row.environment), []).append(key)
    return found


def _of(values: Mapping[Key, list[Key]], secret: str, environment: str) -> list[Key]:
    return values.get((secret, environment), [("place", secret, environment)])


def _lines(tables: Mapping[str, pd.DataFrame]) -> dict[str, list[Key]]:
    """FILE:LINE: the values in force that leaked there, or the history if none is."""
    fingerprints = dict(zip(tables["leaks"]["leak_id"], tables["leaks"]["fingerprint"], strict=True))
    force = dict(zip(tables["leaks"]["leak_id"], tables["leaks"]["force"], strict=True))
    found: dict[str, list[Key]] = {}
    for row in rows(tables["leak_places"]):
        print_ = fingerprints.get(row.leak_id)
        gone = force.get(row.leak_id) == "not in force" or not isinstance(print_, str)
        found.setdefault(f"{row.path}:{row.line}", []).append(
            ("history",) if gone else ("value", str(print_))
        )
    return found


def _keys(
    finding: Mapping[Any, Any], values: Mapping[Key, list[Key]], lines: Mapping[str, list[Key]]
) -> Iterator[Key]:
    """What must be changed to close a finding; one about another finding is closed with that."""
    target = TARGETS.get(finding["check"], "")
    if target in WHOLE:
        yield (target,)
    elif target == "file":
        yield ("file", str(finding["where"]).split(";")[0].split(":")[0])
    elif target == "value":
        for subject, environment, _ in items(finding):
            names = [name for name in _NAMES.split(subject) if (name, environment) in values]
            for name in names or [subject]:
                yield from _of(values, name, environment)
    elif target == "finding":
        yield ("finding", finding["subject"])
    elif target == "line" and (known := lines.get(str(finding["where"]))):
        yield from known
    else:
        yield ("subject", finding["subject"], finding["environment"], finding["service"])
    if target != "finding":
        yield ("finding", finding["id"])


def _joined(several: Iterable[list[Key]]) -> dict[Key, Key]:
    """For each key one that stands for all that hang together with it."""
    parent: dict[Key, Key] = {}

    def root(key: Key) -> Key:
        while parent.setdefault(key, key) != key:
            key = parent[key]
        return key

    for keys in several:
        for key in keys:
            parent[root(key)] = root(keys[0])
    return {key: root(key) for key in list(parent)}

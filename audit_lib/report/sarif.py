"""Leaks as SARIF 2.1.0, for code scanning services and editors."""

from typing import Any
from urllib.parse import quote

import pandas as pd

from audit_lib import __version__
from audit_lib.base.in_words import counted

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
MOST_LOCATIONS = 100  # of one result; a viewer shows the first, `occurrences` counts all
_LEVELS = {
    "leak": "error",
    "pattern": "error",
    "possible": "warning",
    "hash": "warning",
    "truncated": "warning",
    "weak default": "warning",
    "template": "note",
}
_RULES = {
    "leak": "A value that is or was in use is in a place where others can read it",
    "pattern": "Something that looks like a secret is in a place where others can read it",
    "possible": "A password that somebody chose, or a default, may be in a file",
    "hash": "The hash of a password is in a file: whoever has it can guess the password",
    "truncated": "Part of a value is in a place where others can read it",
    "weak default": "A guessable value appears beside its name",
    "template": "A placeholder or template value appears beside its name",
}
_REMEDY = "Rotate it first, then purge it. A purge does not reach clones, forks or caches."
_REMEDIES = {
    "leak": _REMEDY,
    "pattern": f"Find out whether it is in use. {_REMEDY}",
    "possible": "Take it out of the file and let each environment set its own.",
    "hash": "Take it out of the file, and change the password if somebody uses it.",
    "truncated": "Shorten or remove it in the code that writes it; a log does not need any part of a value.",
    "weak default": "Generate a value, and reject this one at start-up.",
    "template": "Nothing to do, unless an environment uses it.",
}


def leaks_sarif(leaks: pd.DataFrame, places: pd.DataFrame, *, complete: bool) -> dict[str, Any]:
    """A SARIF log with one result for each leak. `complete` is false if git failed: then nothing is green."""
    by_leak = {key: group.to_dict("records") for key, group in places.groupby("leak_id", sort=False)}
    results = [_result(leak, by_leak.get(leak["leak_id"], [])) for leak in leaks.to_dict("records")]
    return sarif_log([_rule(kind, text) for kind, text in _RULES.items()], results, complete=complete)


def sarif_log(rules: list[Any], results: list[Any], *, complete: bool = True) -> dict[str, Any]:
    """A SARIF log of one run of this program."""
    run = {
        "tool": {"driver": {"name": "audit_lib", "version": __version__, "rules": rules}},
        "invocations": [{"executionSuccessful": complete}],
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(kind: str, text: str) -> dict[str, Any]:
    """What version 2.1.0 leaves optional and GitHub's code scanning requires is there too."""
    description = {"text": text}
    return {
        "id": _rule_id(kind),
        "shortDescription": description,
        "fullDescription": description,
        "help": {"text": _REMEDIES[kind]},
    }


def _result(leak: dict[Any, Any], places: list[dict[Any, Any]]) -> dict[str, Any]:
    where = "at HEAD" if leak["at_head"] else "in the history" if leak["first_commit"] else "on disk"
    force = f"in force in {leak['in_force']}" if leak["in_force"] else "not known to be in force"
    occurrences = counted(leak["occurrences"], "occurrence")
    text = f"{leak['variable']}: {leak['kind']}, {occurrences}, {where}, {force}"
    return {
        "ruleId": _rule_id(leak["kind"]),
        "level": _LEVELS[leak["kind"]],
        "message": {"text": text},
        "locations": [_location(place) for place in places[:MOST_LOCATIONS] if place["path"]],
        "partialFingerprints": {"leakId/v1": leak["leak_id"]},
        "occurrenceCount": max(int(leak["occurrences"]), 1),
        "properties": {
            "matched": leak["matched"],
            "firstCommit": leak["first_commit"],
            "atHead": bool(leak["at_head"]),
            "reachable": bool(leak["reachable"]),
        },
    }


def _location(place: dict[Any, Any]) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": {"uri": quote(place["path"], safe="/!")}}
    if not pd.isna(place["line"]):
        physical["region"] = {"startLine": int(place["line"])}
    text = " ".join(part for part in (place["place"], place["commit"], f"({place['encoding']})") if part)
    return {"physicalLocation": physical, "message": {"text": text}}


def _rule_id(kind: str) -> str:
    return f"leak/{kind.replace(' ', '-')}"

"""What a finding is about, item by item: one subject in one place, or each of a list."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pandas as pd

ITEM = ("subject", "environment", "service")
SHOWN = 20  # subjects of a list that are named


def items(finding: Mapping[Any, Any]) -> Iterator[tuple[str, str, str]]:
    """Subject, environment and service of each thing that a row of Findings is about."""
    listed = [part for part in str(finding.get("covers", "")).split("; ") if part]
    for part in listed:
        subject, _, place = part.partition("@")
        environment, _, service = place.partition("/")
        yield subject, environment, service
    if not listed:
        yield finding["subject"], finding["environment"], finding["service"]


def by_item(findings: pd.DataFrame) -> pd.DataFrame:
    """The rows of Findings, one for each thing that they are about, under its own subject and place."""
    several = [list(items(row)) for row in findings.to_dict("records")]
    rows = findings.loc[findings.index.repeat([len(one) for one in several])].reset_index(drop=True)
    named = pd.DataFrame([item for one in several for item in one], columns=list(ITEM), dtype="str")
    return rows.assign(**{name: named[name] for name in ITEM})


def covered_words(covers: Iterable[str]) -> str:
    """`API_TOKEN (staging/backend), JWT_SECRET (production/backend, staging/backend)`."""
    places: dict[str, list[str]] = {}
    for part in covers:
        subject, _, place = part.partition("@")
        places.setdefault(subject, []).append(place.lstrip("/"))
    named = [f"{subject} ({', '.join(several)})" for subject, several in places.items()]
    more = len(named) - SHOWN
    rest = f", and {more} more in findings.csv" if more > 0 else ""
    return ", ".join(named[:SHOWN]) + rest

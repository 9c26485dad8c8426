"""The sample's ledger: snapshots, rotations (one of them claimed falsely), decisions and a sign-off."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from audit_lib.base.clock import iso
from audit_lib.ledger import Draft, all_heads, append
from audit_lib.sample.story import (
    DROPPED,
    FILES,
    IDENTIFIERS,
    SIGNED,
    WATCHED,
    HeldVariable,
    midnight,
    snapshot_instants,
)
from audit_lib.secrecy.keeper import Keeper


def write_ledger(folder: Path, keeper: Keeper, held: Sequence[HeldVariable]) -> None:
    """Writes the chains of three writers into the ledger folder, each entry dated in the past of the sample.

    The writer `weekly` takes snapshots of the places that are `WATCHED` by then; `alice` records each row of
    rotations.csv, `bob` each of decisions.csv.
    """
    for at in snapshot_instants():
        append(folder, keeper.key, _snapshot(keeper, held, at), at, "weekly")
    for number, row in enumerate(_rows("rotations.csv")):
        at = midnight(row["day"]) + timedelta(hours=9, minutes=number)
        place = row["environment"], row["secret"]
        variable = next(each for each in held if (each.environment, each.name) == place)
        append(folder, keeper.key, _rotation(keeper, variable, at, row), at, "alice")
    for number, row in enumerate(_rows("decisions.csv")):
        body = {"subject": row["finding"], "by": "Bo B.", "until": f"{row['until']}T23:59:59Z"}
        body |= {name: row[name] for name in ("verdict", "reason")}
        body |= {name: row[name] for name in ("owner", "ticket") if row[name]}
        at = midnight(row["day"]) + timedelta(minutes=number)
        append(folder, keeper.key, Draft("decision", body), at, "bob")


def _rows(name: str) -> Iterator[dict[str, str]]:
    with Path(__file__).with_name(name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def sign_off(folder: Path, keeper: Keeper, settings: Iterable[str]) -> None:
    """The sign-off of the review before, by these settings and a log that is named no more."""
    assigned = [row["finding"] for row in _rows("decisions.csv") if row["verdict"] == "assign"]
    body = {
        "manifest_sha256": sha256(b"the sample's review of the second quarter").hexdigest(),
        "folder": "sample-2026Q2",
        "by": SIGNED["by"],
        "heads": all_heads(folder),
        "as_of": SIGNED["as_of"],
        "in_force": sorted([*settings, *(f"log logs/worker-2.log: {line}" for line in DROPPED)]),
        "opened": {id_: {"at": SIGNED["as_of"], "in": "2026Q2"} for id_ in assigned},
    }
    append(folder, keeper.key, Draft("signoff", body), datetime.fromisoformat(SIGNED["at"]), "carol")


def _snapshot(keeper: Keeper, held: Sequence[HeldVariable], at: datetime) -> Draft:
    watched = [place for place, since in WATCHED.items() if midnight(since) <= at]
    places = [
        {
            "environment": environment,
            "service": service,
            "source": FILES[environment, service],
            "complete": True,
        }
        for environment, service in watched
    ]
    here = [one for one in held if (one.environment, one.service) in watched and one.name not in IDENTIFIERS]
    return Draft(
        "snapshot", {"places": places, "secrets": [_seen(keeper, one, at) for one in here], "pairs": []}
    )


def _seen(keeper: Keeper, variable: HeldVariable, at: datetime) -> dict[str, Any]:
    value = variable.at(at)
    return {
        "secret": variable.name,
        "variable": variable.name,
        "environment": variable.environment,
        "service": variable.service,
        "component": "password" if value and value.secret != value.text else "whole",
        "source": variable.source,
        "loader": "",  # every loader reads such a value alike
        "state": "present" if value else "missing",
        "fingerprint": keeper.fingerprint(value.secret) if value else None,
    }


def _rotation(keeper: Keeper, variable: HeldVariable, at: datetime, row: Mapping[str, str]) -> Draft:
    value = variable.at(at)
    assert value is not None
    body = {
        "secret": variable.name,
        "environment": variable.environment,
        "service": variable.service,
        "source": variable.source,
        "loader": "",
        "claimed_at": iso(midnight(str(at.date()))),
        "day_only": True,
        "fingerprint": keeper.fingerprint(value.secret),
        "by": "Al I.",
        "reason": row["reason"],
    }
    if row["triggered_at"]:
        body |= {"trigger": "compromised", "triggered_at": row["triggered_at"]}
    return Draft("rotation", body)

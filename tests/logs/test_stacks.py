"""Failed logins planted among a thousand visits, as each stack writes them, are counted exactly."""

import os
import random
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any

import pandas as pd
import pytest

from audit_lib.settings import LogSource
from tests.support.log_lines import read_folder
from tests.support.paths import rows_beside

START = datetime(2026, 11, 24, tzinfo=UTC)
ORDINARY = [("GET", "/", 200), ("GET", "/api/orders?page=2", 200)]
ORDINARY += [("POST", "/login", 200), ("GET", "/x", 404)]
STACKS = {stack["name"]: stack for stack in rows_beside(__file__)["stack"]}
_FACT = re.compile("«([a-z]+)(?::([^»]*))?»")


def _visits() -> Iterator[dict[str, Any]]:
    """What the lines of a stack may tell of each of 1,040 requests, by name, seven seconds apart. Of a few
    hundred clients, 71 are failed logins: each a POST to the login route that is answered 401."""
    rng = random.Random(7)
    failed = set(rng.sample(range(1_040), 71))
    for number in range(1_040):
        client = rng.choice([f"203.0.113.{rng.randrange(1, 255)}", f"2001:db8::{rng.randrange(1, 99):x}"])
        method, path, status = ("POST", "/login", 401) if number in failed else rng.choice(ORDINARY)
        at, is_new = START + timedelta(seconds=7 * number), ":" in client
        seconds = int(at.timestamp())
        yield {
            "number": number,
            "at": at,
            "client": client,
            "method": method,
            "path": path,
            "status": status,
            "host": f"[{client}]" if is_new else client,
            "family": "IPV6" if is_new else "IPV4",
            "route": path.partition("?")[0],
            "reason": HTTPStatus(status).phrase,
            "size": number * 3 + 17,
            "iso": f"{at:%Y-%m-%dT%H:%M:%SZ}",
            "clf": f"{at:%d/%b/%Y:%H:%M:%S +0000}",
            "day": at.day,
            "ts": float(seconds),
            "ms": seconds * 1000,
            "us": seconds * 1_000_000,
            "tai": (1 << 62) + seconds + 10,  # multilog counts from 2^62 on, ten seconds ahead of UTC
        }


MADE = list(_visits())
FAILED = [visit for visit in MADE if visit["status"] == 401]
TIMES = [visit["at"] for visit in FAILED]
CLIENTS = Counter(str(ip_address(visit["client"])) for visit in FAILED)


def _written(stack: dict[str, Any]) -> str:
    """The log of a stack: its lines about each visit."""
    failed = stack.get("lines") or stack["failed"]
    one, other = ("".join(map(_template, each)) for each in (failed, stack.get("other", failed)))
    return "".join((one if visit["status"] == 401 else other).format_map(visit) for visit in MADE)


def _template(line: str) -> str:
    return _FACT.sub(r"{\1:\2}", line.replace("{", "{{").replace("}", "}}")) + "\n"


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, pd.DataFrame]]:
    """What the logs of all stacks give: sources, events and counts by file, each called by its number."""
    folder = tmp_path_factory.mktemp("stacks")
    for number, stack in enumerate(STACKS.values()):
        path = folder / f"{number}.log"
        path.write_text(_written(stack))
        os.utime(path, (MADE[-1]["at"].timestamp() + 60,) * 2)
    read = {name: read_folder(folder, LogSource(name)) for name in (f"{n}.log" for n in range(len(STACKS)))}
    return [{name: getattr(it, of) for name, it in read.items()} for of in ("sources", "events", "counts")]


@pytest.mark.parametrize("name", STACKS)
def test_planted_failures_are_counted_with_client_and_time(name: str, logs: list[Any]) -> None:
    """As many failures as were planted, with client and time if the stack writes them; no line is lost."""
    stack = STACKS[name]
    sources, events, counts = (rows[f"{[*STACKS].index(name)}.log"] for rows in logs)
    kind = stack.get("shows", "unauthorized")
    shown = events[events["kind"].eq(kind)]
    if kind == "login_failed":
        possible = counts.loc[counts["kind"].eq("possible_login_failure"), "count"].sum()
        assert possible == stack.get("beside", 0) * len(FAILED)
    if kind == "unauthorized":
        assert counts.groupby("status")["count"].sum().to_dict() == Counter(visit["status"] for visit in MADE)
    assert len(shown) == len(FAILED)
    assert Counter(shown["client"]) == (CLIENTS if stack.get("named", True) else {"": len(FAILED)})
    assert shown["at"].dropna().dt.to_pydatetime().tolist() == (TIMES if stack.get("timed", True) else [])
    assert sources[["state", "not_understood", "blank"]].to_numpy().tolist() == [["read", 0, 0]]

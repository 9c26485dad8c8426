"""How many alerts of CrowdSec's own scenario tests our detections find, and why not the others.

Not part of the other benchmarks, since it reads a clone of CrowdSec's hub, of which nothing is kept here:
python -m tests.bench.crowdsec HUB [--each]
"""

import argparse
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from audit_lib.base.log_kinds import POSSIBLE
from audit_lib.ledger import Ledger
from audit_lib.logins.detect import judge
from audit_lib.logins.detect.probing import PROBED
from audit_lib.logins.parameters import detection_policy
from audit_lib.logins.traffic import Traffic, gather
from audit_lib.logs.logins import FAILED_LOGIN
from audit_lib.logs.project_logs import read_logs
from audit_lib.settings import LogSource, Project, bundled_policy

# Of CrowdSec's `behavior` labels those that our detections have a definition for.
COVERED = {"bruteforce": ("guessing", "spraying", "let-in"), "scan": ("probing", "guessing")}
FAMILIES = {"http": "web", "ssh": "sshd"}
# Its addresses are made up, many of them private.
RULES = detection_policy(bundled_policy("generic")).model_copy(update={"clients": "real"})
_ALERT = re.compile(r'^results\[(\d+)\]\.Overflow\.Alert\.GetScenario\(\) == "([^"]+)"', re.M)
_SOURCE = re.compile(r'^"([^"]+)" in results\[(\d+)\]\.Overflow\.GetSources\(\)', re.M)
_YEARLESS = re.compile(r"(?:^|\[)([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d)[ .]", re.M)
# What a scenario's filter looks at that no detection of ours does.
_UNSEEN = (("http_user_agent", "user agents"), ("http_args", "queries"), ("File(", "lists of paths"))


@dataclass(frozen=True)
class Expected:
    """One alert that a test of the hub asserts."""

    test: Path
    scenario: dict[str, Any]
    address: str

    @property
    def family(self) -> str:
        """The family that the scenario's label names; "" for any other."""
        return FAMILIES.get(self.behaviour[0], "")

    @property
    def behaviour(self) -> tuple[str, str]:
        """Whom and how the attack is, such as http and scan."""
        service, _, kind = str(self.scenario["labels"].get("behavior", "")).partition(":")
        return service, kind


def main() -> None:
    """Prints a row for each family and kind of attack, and with `--each` one for each alert missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("hub", type=Path, help="a clone of github.com/crowdsecurity/hub")
    parser.add_argument("--each", action="store_true", help="name each alert that was missed")
    given = parser.parse_args()
    rows = [(one, outcome(one, traffic)) for one, traffic in _with_traffic(expected(given.hub))]
    print("\n".join(table(rows)))
    for one, why in rows if given.each else ():
        print(f"{one.test.name}\t{one.scenario['name']}\t{one.address}\t{why}")


def expected(hub: Path) -> list[Expected]:
    """The alerts of web and sshd that the tests assert, each with its address."""
    scenarios = {
        each["name"]: each
        for path in sorted(hub.glob("scenarios/*/*.y*ml"))
        for each in yaml.safe_load_all(path.read_text("utf-8"))
        if each
    }
    found = []
    for path in sorted(hub.glob(".tests/*/scenario.assert")):
        text = path.read_text("utf-8")
        addresses = {number: address for address, number in _SOURCE.findall(text)}
        for number, name in _ALERT.findall(text):
            found.append(Expected(path.parent, scenarios[name], addresses.get(number, "")))
    return [one for one in found if one.family]


def _with_traffic(alerts: list[Expected]) -> Iterator[tuple[Expected, Traffic]]:
    read: dict[Path, Traffic] = {}
    for one in alerts:
        if one.test not in read:
            read[one.test] = traffic_of(one.test)
        yield one, read[one.test]


def traffic_of(test: Path) -> Traffic:
    """The log of one test, as a review would have it with real addresses."""
    config = yaml.safe_load((test / "config.yaml").read_text("utf-8"))
    log = LogSource(str(config["log_file"]), instances=1, zone_declared=True)
    _date_by_last_line(test / log.pattern)
    project = Project("hub", test, log_sources=(log,))
    read = read_logs(project, None)
    times = pd.concat([read.minutes["minute_at"], read.events["at"]]).dropna()
    start = times.min() if len(times) else pd.Timestamp("2026-01-01", tz="UTC")
    end = (times.max() if len(times) else start) + timedelta(days=1)
    frames = read.sources, read.counts, read.events, read.minutes
    given = (*frames, Ledger(), RULES, start.to_pydatetime(), end.to_pydatetime())
    return gather(*given, log_sources=project.log_sources)


def _date_by_last_line(log: Path) -> None:
    """Give a log the date of its last syslog time: a server's log has it, and a clone's file does not."""
    if log.is_file() and (times := _YEARLESS.findall(log.read_text("utf-8", "replace"))):
        written = datetime.strptime(f"2025 {times[-1]} +0000", "%Y %b %d %H:%M:%S %z").timestamp()
        os.utime(log, (written, written))


def outcome(one: Expected, traffic: Traffic) -> str:
    """The detections that found an alert, or why none did."""
    names = COVERED.get(one.behaviour[1])
    if names is None:
        return "not covered: " + one.behaviour[1]
    found = judge(traffic)
    hits = [
        each.detection
        for each in found
        if each.detection in names and any(one.address in each.clients for each in each.incidents)
    ]
    return "found: " + " ".join(hits) if hits else _why(one, traffic)


def _why(one: Expected, traffic: Traffic) -> str:
    unseen = [what for sign, what in _UNSEEN if sign in str(one.scenario.get("filter", ""))]
    own = traffic.requests[traffic.requests["client"].eq(one.address)]
    said = traffic.events[traffic.events["client"].eq(one.address)]
    if one.behaviour[1] == "scan":
        seen = int(own.loc[own["status"].isin(PROBED), "count"].sum())
    else:
        seen = int(traffic.failures["client"].eq(one.address).sum())
    if unseen:
        return "not covered: " + " and ".join(unseen)
    if seen:
        return f"below the threshold: {seen} seen"
    if said["kind"].eq(FAILED_LOGIN).any():
        return "failed logins without a time that is read"
    if said["kind"].eq(POSSIBLE).any():
        return "possible failures alone"
    if len(own):
        return "requests, none of them refused"
    return "lines not understood, or without an address"


def table(rows: list[tuple[Expected, str]]) -> list[str]:
    """One row for each family and kind of attack: alerts, those found, the others by reason."""
    kinds = Counter((one.family, one.behaviour[1]) for one, _ in rows)
    lines = ["| family | kind | alerts | found | missed |", "|--|--|--|--|--|"]
    for (family, kind), count in sorted(kinds.items()):
        whys = Counter(
            why.partition(":")[0] for one, why in rows if (one.family, one.behaviour[1]) == (family, kind)
        )
        missed = "; ".join(f"{number} {why}" for why, number in whys.most_common() if why != "found")
        lines.append(f"| {family} | {kind} | {count} | {whys['found']} | {missed} |")
    return lines


if __name__ == "__main__":
    main()

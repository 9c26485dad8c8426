"""Lines that other projects label as failed logins, beside our formats: CrowdSec's hub and Wazuh's rules.

Not part of the other benchmarks, since it reads clones of which nothing is kept here:
python -m tests.bench.labelled_logins [--hub HUB] [--wazuh WAZUH] [--each]
"""

import argparse
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from audit_lib.base.log_kinds import POSSIBLE
from audit_lib.logins.detections.told_failures import PROVEN_BY_SSH
from audit_lib.logs.fields import clean_client
from audit_lib.logs.formats import load_formats
from audit_lib.logs.read_line import read_line

FORMATS, UTC = load_formats(), ZoneInfo("UTC")
FAILED, REFUSED = ("login_failed", "jwt_invalid"), ("unauthorized", "forbidden")
OUTCOMES = (
    "failed login",
    "refused request",
    "another client",
    "possible",
    "message",
    "request",
    "text only",
    "not understood",
)
# By the names that the two projects give to lines of failed logins.
_HUB_FAILURES = re.compile(
    r"fail|LOGIN_ERROR|bad_password|bad_user|bad_mfa|invalid_|wrong_pass|ssh_bad|auth_bf|bf-enum",
    re.IGNORECASE,
)
_WAZUH_FAILURES = frozenset(
    ("authentication_failed", "authentication_failures", "win_authentication_failed", "invalid_login")
)
_ASSERTED = re.compile(
    r'results\["[^"]+"\]\["([^"]+)"\]\[(\d+)\]\.Evt\.(\w+\["\w+"\]) == (".*")$', re.MULTILINE
)
_GROUP = re.compile(r'<group name="([^"]*)">(.*?)\n</group>', re.DOTALL)
_RULE = re.compile(r'<rule id="(\d+)"[^>]*>(.*?)</rule>', re.DOTALL)


@dataclass(frozen=True)
class Labelled:
    """A line, whether it is a failed login, and whose, if that is labelled."""

    label: str
    is_failure: bool
    client: str
    line: str

    @cached_property
    def outcome(self) -> str:
        """What we read it as."""
        read = read_line(self.line.encode(), FORMATS, UTC)
        shown = [
            ("login_failed" if event.message in PROVEN_BY_SSH else event.kind, event.client)
            for event in read.events
        ]
        labelled = clean_client(self.client.encode()) if self.client else ""
        for kinds, outcome in ((FAILED, "failed login"), (REFUSED, "refused request")):
            clients = {client for kind, client in shown if kind in kinds}
            if clients:
                return outcome if not labelled or labelled in clients else "another client"
        return "possible" if any(kind == POSSIBLE for kind, _ in shown) else read.state


def main() -> None:
    """Prints a row for each project, and with `--each` a line for each failure that is not one here."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hub", type=Path, help="a clone of github.com/crowdsecurity/hub")
    parser.add_argument("--wazuh", type=Path, help="a clone of github.com/wazuh/wazuh, 4.14")
    parser.add_argument("--each", action="store_true", help="show each failure that is not read as one")
    given = parser.parse_args()
    print("", "labelled lines", *OUTCOMES, "of the others failed logins", "", sep=" | ")
    for name, folder, read in (("CrowdSec", given.hub, of_hub), ("Wazuh", given.wazuh, of_wazuh)):
        if folder is None:
            continue
        lines = list(dict.fromkeys(read(folder)))
        counts = Counter((one.is_failure, one.outcome) for one in lines)
        failures, others = (sum(one.is_failure is what for one in lines) for what in (True, False))
        cells = [counts[True, outcome] for outcome in OUTCOMES]
        print(
            "", f"{name}: {failures}", *cells, f"{counts[False, 'failed login']} of {others}", "", sep=" | "
        )
        for one in lines if given.each else ():
            if one.is_failure and one.outcome not in OUTCOMES[:2]:
                print(one.outcome, one.label, one.line[:200], sep="\t")


def of_hub(hub: Path) -> Iterator[Labelled]:
    """What the parsers' tests assert; requests are left out, since their status tells."""
    for path in sorted(hub.glob(".tests/*/parser.assert")):
        named = re.search(r"log_file: *(\S+)", (path.parent / "config.yaml").read_text("utf-8"))
        log = path.parent / named[1].strip('"') if named else path
        lines = log.read_text("utf-8", "replace").splitlines() if log.is_file() else []
        events: dict[tuple[str, str], dict[str, str]] = {}
        for parser, number, field, value in _ASSERTED.findall(path.read_text("utf-8", "replace")):
            events.setdefault((parser, number), {})[field] = json.loads(value, strict=False)
        for event in events.values():
            message, label = event.get('Parsed["message"]', "").strip(), event.get('Meta["log_type"]', "")
            line = next((line for line in lines if message and message in line), "")
            if line and label and not label.startswith("http_"):
                failed = bool(_HUB_FAILURES.search(label))
                yield Labelled(label, failed, event.get('Meta["source_ip"]', ""), line.strip("\r"))


def of_wazuh(wazuh: Path) -> Iterator[Labelled]:
    """What the rules' tests expect: a rule of a failed login, or another."""
    groups: dict[str, set[str]] = {}
    for path in sorted(wazuh.glob("ruleset/rules/*.xml")):
        for named, rules in _GROUP.findall(path.read_text("utf-8", "replace")):
            for number, rule in _RULE.findall(rules):
                own = ",".join((named, *re.findall(r"<group>([^<]*)</group>", rule)))
                groups[number] = {each.strip() for each in own.split(",")}
    for path in sorted(wazuh.glob("ruleset/testing/tests/*.ini")):
        lines: list[str] = []
        for text in path.read_text("utf-8", "replace").splitlines():
            if found := re.match(r"log \d+ pass *= *(.*)", text):
                lines.append(found[1])
            elif found := re.match(r"rule *= *(\d+)", text):
                failed = not _WAZUH_FAILURES.isdisjoint(groups.get(found[1], ()))
                yield from (Labelled(f"{path.stem} {found[1]}", failed, "", line) for line in lines)
                lines = []


if __name__ == "__main__":
    main()

"""Lines that other projects label as failed logins, beside our formats.

Not part of the other benchmarks, since it reads clones of which nothing is kept here:
python -m tests.bench.labelled_logins [--hub HUB] [--wazuh WAZUH] [--sshguard SSHGUARD] [--beats BEATS]
    [--intakes INTAKES] [--panther PANTHER] [--differing]
"""

import argparse
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from audit_lib.base.in_words import POSSIBLE
from audit_lib.logins.traffic import PROVEN_BY_SSH
from audit_lib.logs.values import clean_client
from tests.support.log_lines import read_line

FAILED, REFUSED = ("login_failed", "jwt_invalid"), ("unauthorized", "forbidden")
OUTCOMES = (
    "failed login", "refused request", "another client", "possible", "message", "request", "text only",
    "not understood",
)  # fmt: skip
# By the names that the two projects give to lines of failed logins.
_HUB_FAILURES = re.compile(
    r"fail|LOGIN_ERROR|bad_password|bad_user|bad_mfa|invalid_|wrong_pass|ssh_bad|auth_bf|bf-enum",
    re.IGNORECASE,
)
_WAZUH_FAILURES = frozenset(
    ("authentication_failed", "authentication_failures", "win_authentication_failed", "invalid_login")
)
# SSHGuard's numbers of services at which people log in; the others are scans, relays and refused requests.
_SSHGUARD_LOGINS = range(100, 110), range(200, 350), range(380, 400), range(500, 800)
# How Panther's tests name a line of a failed login; a name of several lines or of no failure names another.
_PANTHER_FAILURES = re.compile(
    r"(failed|unsuccessful|invalid) .*(log-?in|sign-?in|auth)|(log-?in|sign-?in|authentication) fail",
    re.IGNORECASE,
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
        read = read_line(self.line)
        proven = {True: "login_failed"}
        shown = [(proven.get(one.message in PROVEN_BY_SSH, one.kind), one.client) for one in read.events]
        labelled = clean_client(self.client.encode()) if self.client else ""
        for kinds, outcome in ((FAILED, "failed login"), (REFUSED, "refused request")):
            clients = {client for kind, client in shown if kind in kinds}
            if clients:
                return outcome if not labelled or labelled in clients else "another client"
        return "possible" if any(kind == POSSIBLE for kind, _ in shown) else read.state


def main() -> None:
    """Prints a row for each project, and if asked for a line for each that is read otherwise."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, (of_what, _) in PROJECTS.items():
        parser.add_argument(f"--{name}", type=Path, help=f"a clone of {of_what}")
    parser.add_argument("--differing", action="store_true", help="show each line that is read otherwise")
    given = parser.parse_args()
    print("", "labelled lines", *OUTCOMES, "of the others failed logins", "", sep=" | ")
    for name, (_, read) in PROJECTS.items():
        folder = vars(given)[name]
        if folder is None:
            continue
        lines = list(dict.fromkeys(read(folder)))
        counts = Counter((one.is_failure, one.outcome) for one in lines)
        failures, others = (sum(one.is_failure is what for one in lines) for what in (True, False))
        cells = [counts[True, outcome] for outcome in OUTCOMES]
        false = counts[False, "failed login"] + counts[False, "another client"]
        print("", f"{name}: {failures}", *cells, f"{false} of {others}", "", sep=" | ")
        for one in lines if given.differing else ():
            if one.outcome not in OUTCOMES[:2] if one.is_failure else one.outcome in OUTCOMES[:3:2]:
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


def of_sshguard(sshguard: Path) -> Iterator[Labelled]:
    """What its parser's tests expect: three lines each, a log line, service and address, a mark."""
    text = (sshguard / "src/parser/tests.txt").read_text("utf-8", "replace")
    lines = [line for line in text.splitlines() if line and not re.match(r"#|\*$", line)]
    for line, expected in zip(lines, [*lines[1:], ""], strict=True):
        told = re.match(r"(\d{3}) (\S+) [46] \d+$", expected)
        if told and int(told[1]) not in range(350, 380):
            failed = any(int(told[1]) in services for services in _SSHGUARD_LOGINS)
            yield Labelled(told[1], failed, told[2], line)


def of_beats(beats: Path) -> Iterator[Labelled]:
    """What the tests of Filebeat's modules expect of each line."""
    for path in sorted(beats.glob("**/*-expected.json")):
        log = path.with_name(path.name.removesuffix("-expected.json"))
        raw = log.read_bytes() if log.is_file() else b""
        for event in json.loads(path.read_bytes()) if raw else ():
            at = event.get("log.offset")
            if at is not None:
                line = raw[at:].partition(b"\n")[0].decode("utf-8", "replace")
                label = path.relative_to(beats).as_posix()
                yield _of_ecs(label, {name: event.get(name) for name in _ECS}, line)


def of_intakes(intakes: Path) -> Iterator[Labelled]:
    """What the tests of SEKOIA's formats expect of each line; an object of several lines is one here."""
    for path in sorted(intakes.glob("**/tests/*.json")):
        test = json.loads(path.read_bytes())
        line, expected = test["input"].get("message"), test["expected"]
        if not isinstance(line, str):
            continue
        if "\n" in line.strip() and line.lstrip().startswith("{"):
            line = json.dumps(json.loads(line), ensure_ascii=False)
        flat = {name: (expected.get(name.split(".")[0]) or {}).get(name.split(".")[1]) for name in _ECS}
        yield _of_ecs(path.relative_to(intakes).as_posix(), flat, line)


_ECS = ("event.category", "event.outcome", "source.ip", "client.ip")


def _of_ecs(label: str, fields: dict[str, Any], line: str) -> Labelled:
    """A line by the fields of Elastic's common schema."""
    category, outcome, *clients = (_first(fields[name]) if "ip" in name else fields[name] for name in _ECS)
    failed = outcome == "failure" and "authentication" in (category or ())
    return Labelled(label, failed, clients[0] or clients[1] or "", line)


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


def of_panther(panther: Path) -> Iterator[Labelled]:
    """The lines of its rules' tests, by what each test is called."""
    for path in sorted(panther.glob("rules/**/*.yml")):
        for test in yaml.safe_load(path.read_text("utf-8")).get("Tests") or ():
            if isinstance(test.get("Log"), dict):
                failed = bool(_PANTHER_FAILURES.search(str(test.get("Name"))))
                line = json.dumps(test["Log"], default=str)
                yield Labelled(f"{path.stem}: {test.get('Name')}", failed, "", line)


PROJECTS = {
    "hub": ("github.com/crowdsecurity/hub", of_hub),
    "wazuh": ("github.com/wazuh/wazuh, 4.14", of_wazuh),
    "sshguard": ("github.com/SSHGuard/sshguard", of_sshguard),
    "beats": ("github.com/elastic/beats, whose tests lie beside their logs", of_beats),
    "intakes": ("github.com/SEKOIA-IO/intake-formats", of_intakes),
    "panther": ("github.com/panther-labs/panther-analysis", of_panther),
}


if __name__ == "__main__":
    main()

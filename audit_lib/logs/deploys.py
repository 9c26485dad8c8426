"""Reads the platform's deploy lists that a user exported: Render's answer, JSON Lines, a form of our own."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from audit_lib.base.clock import parse_instant
from audit_lib.base.errors import parse_each
from audit_lib.base.files import Unreadable, claimed_paths, read_source
from audit_lib.base.frames import Contract, Field, Instant, Series, Sources
from audit_lib.base.in_words import few
from audit_lib.logs.files import source_row
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.redact import Redactor, redact_named
from audit_lib.settings import DeploySource, Project, environment_name

KIND, LARGEST_BYTES, LONGEST = "deploy list", 16 << 20, 100  # characters of a commit's message
# Render's statuses (its API reference, "List deploys"), by the words of the contract `Deploys`.
RUNNING = "update_in_progress"
OUTCOMES = {
    **dict.fromkeys(("live", "deactivated"), "took effect"),
    **dict.fromkeys(("build_failed", "update_failed", "pre_deploy_failed", "canceled"), "failed"),
    **dict.fromkeys(("created", "queued", "build_in_progress", "pre_deploy_in_progress"), "in progress"),
    RUNNING: "in progress",
}
_BLANK = re.compile(r"[\s,\x00]*")
_NEXT = re.compile(r"\n(?=[\[{])")  # where a list can go on after a line that is none
_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}"
_FOREIGN = ("deploy", "status", "trigger", "evidence")  # texts of the platform
_TIMES = ("at", "createdAt", "startedAt", "finishedAt")
_ODD = "is not made of letters, digits, dots, hyphens and underscores"
_TEXTS = {
    **dict.fromkeys(("id", "service", "status"), (_NAME, _ODD)),
    "trigger": (rf"{_NAME}(?:, {_NAME})*", _ODD),
    "commit": (r"[0-9a-fA-F]{7,64}", "is not named by 7 to 64 hexadecimal digits"),
    "environment": (r"(?i)dev(elopment)?|staging|prod(uction)?", "must be development, staging, production"),
    **dict.fromkeys(("message", *_TIMES), (r"(?s).*", "")),
}
_NOT_JSON = object()


class Deploys(Contract):
    """One row for each deploy of a platform's list; it took effect, if at all, between its instants."""

    file: Series[str]
    deploy: Series[str]  # the platform's id; "#3" for the third entry where it has none
    environment: Series[str]  # "" where it is not known, as with the service
    service: Series[str]
    outcome: Series[str] = Field(isin=("took effect", "failed", "in progress", "not told"))
    status: Series[str]  # the platform's own word
    trigger: Series[str]
    commit: Series[str]
    message: Series[str]  # the commit's first line, without known values
    began_at: Series[Instant]
    ended_at: Series[Instant] = Field(nullable=True)  # null: it had not ended, or nobody says when
    evidence: Series[str]  # file:line; with the id where one line holds several


def read_deploys(project: Project, keeper: Keeper, as_of: datetime) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`Sources` of the project's deploy lists, and `Deploys`: those that began by an instant.

    Those dated later are counted. What pages list twice is one deploy, as it ended. No known value is left in
    any text. In order of `began_at`, then of file. A pattern without a file has a row of `Sources`, too.
    """
    search, listed, rows = Redactor.of(keeper), list[dict[str, Any]](), list[dict[str, Any]]()
    for source, paths in claimed_paths(project.root, project.deploy_sources):
        if not paths:
            remedy = f"export the platform's deploy list to {source.pattern} (docs/incident.md#deploys)"
            missing = {"state": "missing", "reason": "no file matches", "remedy": remedy}
            rows.append(source_row(source, source.pattern, KIND, **missing))
        for path in paths:
            try:
                read = read_source(project.root, path, LARGEST_BYTES)
            except Unreadable as error:
                rows.append(source_row(source, path, KIND, state=error.state, reason=error.reason))
                continue
            found, faults, number = parse_deploys(read.content, path)
            listed += [_as_of(as_of, each, source, search) for each in found if each["began_at"] <= as_of]
            later = sum(each["began_at"] > as_of for each in found)
            reason = few(faults, 20, "; ", "; ") if number else "lists no deploy"
            late = f"{later} deploys dated after this review are left out" if later else ""
            state = "unreadable" if faults and not found else "read" if number else "empty"
            facts = read.facts | {"state": state, "reason": "; ".join(filter(None, (reason, late)))}
            counts = {"lines": number, "read": len(found), "not_understood": number - len(found), "blank": 0}
            rows.append(source_row(source, path, KIND, sha256=read.sha256, **facts, **counts))
    named = Deploys.of(listed).sort_values("ended_at", kind="stable", na_position="last")
    is_again = named.duplicated(["environment", "service", "deploy"]) & ~named["deploy"].str.startswith("#")
    ordered = named[~is_again].sort_index().sort_values(["began_at", "file"], kind="stable")
    return Sources.of(rows), Deploys.checked(ordered)


def _as_of(as_of: datetime, deploy: dict[str, Any], source: DeploySource, search: Redactor) -> dict[str, Any]:
    """A row of the contract, as of an instant: what a deploy came to later is not known yet."""
    if deploy["ended_at"] and deploy["ended_at"] > as_of:
        deploy = deploy | {"ended_at": None, "status": RUNNING}
    return deploy | {
        **{name: search.text(deploy[name]) for name in _FOREIGN},
        "environment": deploy["environment"] or source.environment,
        "service": deploy["service"] or source.service,
        "outcome": OUTCOMES.get(deploy["status"], "not told"),
        "message": (redact_named(search.text(deploy["message"])).strip().splitlines() or [""])[0][:LONGEST],
    }


def parse_deploys(content: bytes, place: str) -> tuple[list[dict[str, Any]], list[str], int]:
    """The deploys in the bytes of a file, its faults, and how many entries there are in all.

    Each entry is a deploy or has a fault, which names its line and number and quotes nothing.
    """
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    entries = list(_entries(content.decode(encoding, "replace")))
    deploys, faults, on_line = list[dict[str, Any]](), list[str](), Counter(line for line, _ in entries)
    for number, (line, entry) in enumerate(entries, 1):
        deploy, wrong = _deploy(entry)
        faults += [f"{place}:{line}: entry #{number}: {text}" for text in wrong]
        name = deploy.get("deploy") or f"#{number}"
        at = f"{place}:{line} ({name})" if on_line[line] > 1 else f"{place}:{line}"
        deploys += [] if wrong else [deploy | {"file": place, "line": line, "deploy": name, "evidence": at}]
    return deploys, faults, len(entries)


def _entries(text: str) -> Iterator[tuple[int, Any]]:
    """The line and the value of each entry, or _NOT_JSON: of values one after another, and within lists."""
    decoder, at, inside, line, counted = json.JSONDecoder(), 0, False, 1, 0
    while (at := _BLANK.match(text, at).end()) < len(text):  # type: ignore[union-attr]
        line, counted = line + text.count("\n", counted, at), at
        if text[at] == ("]" if inside else "["):
            at, inside = at + 1, not inside
            continue
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            value, further = _NOT_JSON, _NEXT.search(text, at)
            at, inside = (further.end() if further else len(text)), False
        yield line, value
    if inside:
        yield line + text.count("\n", counted, len(text) - 1), _NOT_JSON


def _deploy(entry: Any) -> tuple[dict[str, Any], list[str]]:
    """The columns of one entry, and its faults: what cannot be used is named, and never quoted."""
    if not isinstance(entry, dict):
        return {}, ["is not JSON" if entry is _NOT_JSON else "is not an object"]
    inner = entry.get("deploy")
    facts: dict[str, Any] = {**(inner if isinstance(inner, dict) else entry)}
    commit, trigger = facts.get("commit"), facts.get("trigger")
    if isinstance(commit, dict):  # or its name alone
        facts |= {"commit": commit.get("id"), "message": commit.get("message")}
    if isinstance(trigger, dict):  # a word, or the names that an object says yes to
        yes = (name for name, value in trigger.items() if value is True and re.fullmatch(_NAME, name))
        facts["trigger"] = ", ".join(sorted(yes))
    texts, wrong = dict[str, str](), list[str]()
    for name, (pattern, fault) in _TEXTS.items():
        value = facts.get(name)
        texts[name] = text = value.strip() if isinstance(value, str) else ""
        if value is not None and not isinstance(value, str):
            wrong.append(f"{name} is not a text")
        elif text and not re.fullmatch(pattern, text):
            wrong.append(f"{name} {fault}")
    began, ended, faults = _span(texts)
    return {
        "deploy": texts["id"],
        "commit": texts["commit"].lower(),
        "environment": environment_name(texts["environment"]),
        **{name: texts[name] for name in ("service", "status", "trigger", "message")},
        "began_at": began,
        "ended_at": ended,
    }, wrong + faults


def _span(texts: Mapping[str, str]) -> tuple[datetime | None, datetime | None, list[str]]:
    """When it began, and when it ended; of our own form one instant, or a day; and the faults of both."""
    read, wrong = parse_each(lambda name: (name, parse_instant(texts[name], name)), filter(texts.get, _TIMES))
    found, faults = dict(read), [f"{fault.place} {fault.text}" for fault in wrong]
    if at := found.get("at"):
        return (at - timedelta(days=1, seconds=-1) if len(texts["at"]) == 10 else at), at, faults
    began, ended = found.get("startedAt", found.get("createdAt")), found.get("finishedAt")
    if not began and not faults:
        faults.append("has no time: neither createdAt nor at")
    elif began and ended and ended < began:
        faults.append("finishedAt is before it began")
    return began, ended, faults

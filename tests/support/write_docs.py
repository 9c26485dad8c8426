"""Writes what is generated in docs/: `--help` of each command, and the checks. Run by `make docs`.

With a folder it writes there instead. Run it in a process of its own: click keeps the help option as it was
first asked for, which differs if a command was started without the program."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from audit_lib.__main__ import main as program
from audit_lib.findings.checks import CHECKS
from audit_lib.logins import alerts
from audit_lib.logins.coverage import NEEDS
from audit_lib.report.judge import PASS_NEEDS
from audit_lib.settings import bundled_policy
from audit_lib.settings.load import guide_rules
from audit_lib.settings.models import GuideRule
from tests.support.paths import ROOT

DOCS = ROOT / "docs"
MARK = "<!-- Written by `make docs` from here on. -->\n"
NAME = "audit-lib"
WIDTH = 80


def page(name: str) -> str:
    """The text that a page should have: its own head, and the generated part of today's code."""
    head, mark, _ = (DOCS / name).read_text("utf-8").partition(MARK)
    assert mark, f"{name} lacks its mark"
    return head + MARK + "".join(GENERATED[name]())


def _commands(
    command: click.Command = program, name: str = NAME, parent: click.Context | None = None
) -> Iterator[str]:
    """What `--help` says of the program and of each command, below a heading each."""
    context = click.Context(
        command, info_name=name, parent=parent, terminal_width=WIDTH, help_option_names=["-h", "--help"]
    )
    yield f"\n## {context.command_path.removeprefix(f'{NAME} ')}\n\n```text\n{context.get_help()}\n```\n"
    if isinstance(command, click.Group):
        for one in command.commands:
            yield from _commands(command.get_command(context, one) or command, one, context)


def _checks() -> Iterator[str]:
    """A row for each check, in the order of the report."""
    yield "\n| check | says | why it matters | controls |\n|--|--|--|--|\n"
    for check in CHECKS:
        yield f"| `{check.id}` | {_plain(check.what)} | {_plain(check.why)} | {', '.join(check.controls)} |\n"


def _plain(text: str) -> str:
    """The text on one line, with nothing in it that Markdown would take for its own."""
    return "".join(f"\\{sign}" if sign in "\\*<[]" else sign for sign in " ".join(text.split()))


def _needs() -> Iterator[str]:
    """What must have been seen before a good verdict: by detection, alert and check."""
    yield "\n## What none needs\n\nWithout any of these a detection that found nothing is `unknown`, and an "
    yield "[alert](alerts.md) that did not fire.\n\n| must have been seen or declared | for |\n|--|--|\n"
    for fact in sorted(set().union(*NEEDS.values())):
        names = [name for name, needs in NEEDS.items() if fact in needs]
        of_alerts = fact in (*alerts.NEEDS, *alerts.NEEDS_OF_LOGINS, *alerts.NEEDS_OF_REQUESTS)
        names = ["all"] if len(names) == len(NEEDS) else names
        yield f"| {_plain(fact)} | {', '.join([*names, *(['alerts'] if of_alerts else [])])} |\n"
    yield "\n## What pass needs\n\nWithout any of these the verdict of a review is `unknown` or `fail`.\n"
    yield "\n| must have been seen | checks |\n|--|--|\n"
    for need in PASS_NEEDS:
        names = [f"`{check.id}`" for check in CHECKS if check.table in need.tables]
        yield f"| {need.words} | {', '.join(names)} |\n"


def _rules() -> Iterator[str]:
    """The rules of PaiiD's guide, each with what decides it."""
    for rule in guide_rules(bundled_policy("paiid")):
        cited = f" (lines {rule.lines})" if rule.lines else ""
        yield f"\n### Rule {rule.number}\n{_plain(rule.says)}{cited}\n\n{_decided_by(rule)}\n"


def _decided_by(rule: GuideRule) -> str:
    about = f" of {', '.join(rule.secrets)}" if rule.secrets else ""
    decided = [f"`{name}`" for name in rule.checks]
    decided += [f"a search for each value in: {', '.join(rule.leaks_in)}"] if rule.leaks_in else []
    words = f"Decided by {', '.join(decided)}{about}." if decided else ""
    words += f" Not reached: {rule.beyond}." if rule.beyond else ""
    words += f"Answered by a person (`attest {rule.question}`)." if rule.question else ""
    words += f"Held by {rule.held_by}." if rule.held_by else ""
    return words + (f"Not decidable: {rule.not_decidable}." if rule.not_decidable else "")


GENERATED: dict[str, Callable[[], Iterator[str]]] = {
    "commands.md": _commands, "checks.md": _checks, "detections.md": _needs, "rules.md": _rules,
}  # fmt: skip


if __name__ == "__main__":
    for name in GENERATED:
        Path(*sys.argv[1:] or [DOCS], name).write_text(page(name), "utf-8")

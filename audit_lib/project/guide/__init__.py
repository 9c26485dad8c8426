"""What a guide's text says that cannot hold together: computed from the text, by rules for any guide."""

from collections.abc import Iterator
from datetime import datetime

import pandas as pd

from audit_lib.base.files import Unreadable, read_source
from audit_lib.base.in_words import counted
from audit_lib.project.contracts import GuideStatements
from audit_lib.project.guide.catalogue import lists_agree
from audit_lib.project.guide.commands import commands_are_safe
from audit_lib.project.guide.dates import dates_agree
from audit_lib.project.guide.document import document_is_whole
from audit_lib.project.guide.facts import least_lengths
from audit_lib.project.guide.text import Guide, Statement, read_guide
from audit_lib.project.guide.values import generators, generators_agree, values_agree
from audit_lib.project.places import Project
from audit_lib.project.policy.rules import Policy

LARGEST = 1 << 18  # bytes of a guide
MOST_LINES = 5_000
MOST_VARIABLES = 500


def tabulate_guide(project: Project, policy: Policy, as_of: datetime) -> pd.DataFrame:
    """`GuideStatements`: each question that the guide's text can be asked, and whether it agrees with itself.

    A guide that cannot be read, or not in full, is a row of its own; one that nobody declared has none.
    """
    if not project.guide:
        return GuideStatements.of([])
    try:
        text = read_source(project.root, project.guide, LARGEST).content.decode("utf-8-sig")
    except Unreadable as error:
        rows = [] if error.state == "missing" else [_unread(error.reason)]
    except UnicodeDecodeError:
        rows = [_unread("is not UTF-8")]
    else:
        rows = list(lint(read_guide(project.guide, text), policy, as_of))
    return GuideStatements.of({"source": project.guide} | vars(row) for row in rows)


def lint(guide: Guide, policy: Policy, as_of: datetime) -> Iterator[Statement]:
    """Every statement about a guide, in a fixed order."""
    if guide.unread:
        yield _unread(f"has {counted(len(guide.unread), 'line')} too long to be read")
    if len(guide.lines) > MOST_LINES or len(guide.entries) > MOST_VARIABLES:
        yield _unread(f"has more than {MOST_LINES:,} lines or {MOST_VARIABLES} variables")
        return
    least, made = list(least_lengths(guide)), list(generators(guide))
    yield from values_agree(guide, policy, least, made)
    yield from generators_agree(guide, least, made)
    yield from dates_agree(guide, as_of)
    yield from lists_agree(guide, policy)
    yield from commands_are_safe(guide, policy)
    yield from document_is_whole(guide)


def _unread(reason: str) -> Statement:
    return Statement("text", "text", "unknown", reason=reason)

"""The first screen as text to forward: owner.md, without a path or the name of a person."""

import re
from collections.abc import Iterable

import pandas as pd

from audit_lib.findings.audit import Audit
from audit_lib.report import escape as inert
from audit_lib.report.block import Block
from audit_lib.report.first_screen import do_first, falls_due, not_known
from audit_lib.report.headline import headline
from audit_lib.report.key_figures import key_figures
from audit_lib.report.review_tables import place

_PATH, _PERSON = "\0", "\1"  # what inert text cannot hold
_ASIDE = re.compile(r" \([^()]*[\0\1][^()]*\)|: \0(, \0)*")
_MARKUP = re.compile(r"[\\*<>\[\]|&#~]|(?<=\w):(?=//)|(?<=www)\.", re.IGNORECASE)
_NUMBERED = re.compile(r"\d+\. ")


def owner_text(audit: Audit) -> str:
    """Markdown: the verdict, the figures, what to do first, what falls due, and what is not known.

    It says what the page says, by the same functions. Who was assigned by name is `as assigned`.
    """
    subject, facts, sentence, *lead = _shown(audit, headline(audit).text)
    parts = [subject, facts, f"# {sentence}", *lead, _listed(audit, key_figures(audit))]
    for block in (do_first(audit), falls_due(audit), not_known(audit)):
        parts += [f"## {_shown(audit, block.title)[0]}", _listed(audit, block)]
    return "\n\n".join(parts) + "\n"


def _listed(audit: Audit, block: Block) -> str:
    lines = _shown(audit, block.text)
    if any(map(_NUMBERED.match, lines)):
        return "\n\n".join(lines)
    return "\n".join(f"- {line}" for line in lines)


def _shown(audit: Audit, text: str) -> list[str]:
    """The lines without paths and people, and with nothing that Markdown would read as markup."""
    text = _marked(_marked(text, _paths(audit), _PATH, r"(:\d+)?"), _people(audit), _PERSON, "")
    text = _ASIDE.sub("", text).replace(_PATH, "a file").replace(_PERSON, "as assigned")
    return [_MARKUP.sub(r"\\\g<0>", line.replace("`", "'")) for line in inert.plain_lines(text).split("\n")]


def _marked(text: str, names: Iterable[str], mark: str, tail: str) -> str:
    """The text with the mark for each name, whole words alone, the longest first."""
    known = sorted({inert.plain(name) for name in names if name}, key=lambda name: (-len(name), name))
    alike = "|".join(map(re.escape, known))
    return re.sub(rf"(?<![\w/.-])(?:{alike}){tail}(?![\w/-])", mark, text) if known else text


def _paths(audit: Audit) -> set[str]:
    """Every file that was read, or that a finding or a leak names."""
    inventory, findings = audit.tables["inventory"], audit.tables["findings"]
    named = [part for places in findings["where"] for one in places for part in one.split(", ")]
    files = {re.sub(r"(:\d+)? in \w+$|:\d+$", "", one) for one in named}
    sources = audit.tables["sources"]
    files |= {*sources.loc[sources["kind"].ne("policy"), "source"], *audit.tables["leak_places"]["path"]}
    services = set(pd.concat([place(inventory), place(findings)]))
    return {one for one in files - services if "/" in one or "." in one}


def _people(audit: Audit) -> set[str]:
    """Everybody whom the ledger names on the first screen."""
    by = pd.concat([audit.tables["decisions"]["by"], audit.tables["attestations"]["by"]])
    return {*by, *audit.tables["findings"]["owner"]}

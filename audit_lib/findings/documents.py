"""The documents that an audit applies: the guide, own log formats, the policy, the ledger."""

from hashlib import sha256
from typing import Any

import pandas as pd

from audit_lib.base.files import Unreadable, read_source
from audit_lib.base.frames import Sources
from audit_lib.base.git import is_repository
from audit_lib.base.in_words import counted
from audit_lib.ledger import Ledger
from audit_lib.logs.formats import formats_source
from audit_lib.settings import Policy, Project

OTHER_GUIDE = "is not the text whose lines the policy cites"
LARGEST_GUIDE = 16 * 2**20


def document_sources(project: Project, policy: Policy, ledger: Ledger) -> pd.DataFrame:
    """A frame of `Sources`: guide, own log formats, policy, ledger and git, each with its remedy. A project
    that declares no guide (`guide = ""`) has no row for one."""
    rows = [_guide(project, policy)] if project.guide else []
    rows += [_formats(project)] if project.formats else []
    own = {"source": f"policy {policy.name}", "kind": "policy", "state": "read", "sha256": policy.sha256}
    rows += [own, _ledger(project, ledger), _git(project)]
    return Sources.of({"environment": "", "service": "", "reason": "", "remedy": ""} | row for row in rows)


def _guide(project: Project, policy: Policy) -> dict[str, Any]:
    remedy = 'name the guide in audit.toml: guide = "docs/…"'
    row: dict[str, Any] = {"source": project.guide, "kind": "guide", "remedy": remedy}
    try:
        guide = read_source(project.root, project.guide, LARGEST_GUIDE)
    except Unreadable as error:
        return row | {"state": error.state, "reason": error.reason}
    # A checkout may change the ends of lines, an editor the last one.
    plain = sha256(guide.content.replace(b"\r\n", b"\n").rstrip(b"\n") + b"\n").hexdigest()
    other = policy.guide_sha256 not in ("", guide.sha256, plain)
    facts = {"sha256": guide.sha256, "size_bytes": guide.facts["size_bytes"]}
    return row | facts | {"state": "read", "remedy": "", "reason": OTHER_GUIDE if other else ""}


def _formats(project: Project) -> dict[str, Any]:
    source, reason = formats_source(project), "is read in place of the bundled log formats"
    row = {"source": project.formats, "kind": "log formats", "state": "read", "sha256": source.sha256}
    return row | {"reason": reason, "size_bytes": source.facts["size_bytes"]}


def _ledger(project: Project, ledger: Ledger) -> dict[str, Any]:
    row = {"source": ".audit/ledger" if project.ledger is None else "ledger", "kind": "ledger"}
    if ledger.entries or ledger.later:
        left_out = f"{counted(len(ledger.later), 'entry', 'entries')} dated after this review left out"
        return row | {"state": "read", "reason": left_out if ledger.later else ""}
    remedy = "audit-lib snapshot --project DIR, each week or at each deploy"
    return row | {"state": "missing", "reason": "has no entry before this review's date", "remedy": remedy}


def _git(project: Project) -> dict[str, Any]:
    row = {"source": ".git", "kind": "git", "state": "read"}
    gone = {"state": "missing", "reason": "the project is not a git repository"}
    return row if is_repository(project.root) else row | gone | {"remedy": "review a clone with its history"}

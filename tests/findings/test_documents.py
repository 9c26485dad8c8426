"""The documents that an audit applies, as sources: the guide is the text that the policy cites, or not."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from audit_lib.findings.documents import OTHER_GUIDE, document_sources
from audit_lib.ledger import Ledger
from audit_lib.settings import Project, bundled_policy

TEXT = b"# Secrets\n\nRotate.\n"


CITED = {
    TEXT: "",
    TEXT.replace(b"\n", b"\r\n"): "",
    TEXT.rstrip(): "",
    TEXT + b"More.\n": OTHER_GUIDE,
    b"": "",
}


@pytest.mark.parametrize(("cited", "reason"), CITED.items())
def test_the_guide_is_held_against_the_policy(cited: bytes, reason: str, tmp_path: Path) -> None:
    """Another text is said, another end of line is none; a policy that cites no guide asks nothing."""
    (tmp_path / "guide.md").write_bytes(cited.replace(b"More.\n", b"Less.\n") or TEXT)
    digest = sha256(TEXT).hexdigest() if cited else ""
    policy = replace(bundled_policy("generic"), guide_sha256=digest)
    table = document_sources(Project("p", tmp_path, guide="guide.md"), policy, Ledger())
    guide = table[table["kind"].eq("guide")].iloc[0]
    assert (guide["state"], guide["reason"]) == ("read", reason)

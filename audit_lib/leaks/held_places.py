"""The places of what a history holds, remembered for as long as nothing moves in it. Holds no value."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from audit_lib.base.git import GitFailed, run_git
from audit_lib.base.tree import NotSearched
from audit_lib.leaks.git_history import read_refs
from audit_lib.leaks.git_objects import Listing
from audit_lib.leaks.sightings import Sighting

_INSTANTS = ("authored_at", "committed_at")


@dataclass(frozen=True)
class Held:
    """What a search of the whole history gave. Its paths are as a report shows them: without values."""

    sightings: list[Sighting] = field(default_factory=list)
    left_out: list[NotSearched] = field(default_factory=list)
    lacking: str = ""  # as `lacking_objects` says

    def text(self, state: str) -> str:
        """What holds under a state of the history, as one line."""
        document = {
            "state": state,
            "sightings": [vars(one) for one in self.sightings],
            "left_out": [[one.place, one.reason] for one in self.left_out],
            "lacking": self.lacking,
        }
        return json.dumps(document, default=datetime.isoformat)


def recalled(text: str, state: str) -> Held | None:
    """What was remembered under this very state; None under any other, and under none."""
    document = json.loads(text) if text and state else {}
    if document.get("state") != state:
        return None
    return Held(
        [_sighting(one) for one in document["sightings"]],
        [NotSearched(*one) for one in document["left_out"]],
        document["lacking"],
    )


def _sighting(row: dict[str, Any]) -> Sighting:
    instants = {name: datetime.fromisoformat(row[name]) for name in _INSTANTS if row[name]}
    return Sighting(**(row | instants))


def history_state(root: Path, listing: Listing) -> str:
    """Names all from which places follow: objects, refs, HEAD, index, reflogs, where a clone is shallow.

    "" if git cannot say, so that nothing is believed.
    """
    shallow = root / ".git" / "shallow"
    try:
        parts = [
            listing.digest.encode("ascii"),
            read_refs(root).digest.encode("ascii"),
            run_git(root, "ls-files", "-z", "--stage"),
            run_git(root, "rev-list", "--no-walk", "--all", "--reflog"),
            shallow.read_bytes() if shallow.is_file() else b"",
        ]
    except (GitFailed, OSError):
        return ""
    return sha256(b"".join(sha256(part).digest() for part in parts)).hexdigest()

"""Why it is not known if a variable is read, or supplied: what was not seen, and what else may do it."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

import pandas as pd

from audit_lib.base.in_words import counted
from audit_lib.project import Project
from audit_lib.project.load import PLACES
from audit_lib.project.onboarding.choose_policy import OWN_PLACES
from audit_lib.project.variables import CodeRead, Named, code_files, named_in, text_of
from audit_lib.project.variables_in_text import is_deployment
from audit_lib.secrets.entries_by_place import IN_FORCE

_IMAGE = re.compile(r"(?m)^([ \t]+)image[ \t]*:")


@dataclass(frozen=True)
class Doubts:
    """What keeps a "no" from being known."""

    named: Named
    unseen: str  # what may read a variable unseen; "" if nothing does
    services: Mapping[str, str]  # why not everything that a service is supplied with is known; "" if it is

    @classmethod
    def of(cls, project: Project, code: CodeRead, sources: pd.DataFrame, names: Collection[str]) -> "Doubts":
        """The doubts about these names."""
        kept = [source.path for source in project.env_sources] + [project.policy, *PLACES, *OWN_PLACES]
        kept += [source.pattern for source in project.evidence_sources]
        kept += [source.pattern for source in project.log_sources]
        named = named_in(project, names, [*kept, *project.exports])
        seen = (_dynamic(code), _unread(code, named), _elsewhere(project, code))
        return cls(named, "; ".join(filter(None, seen)), _unsupplied(sources))

    def read(self, name: str, *, reads: bool, elsewhere: Collection[str]) -> tuple[str, str]:
        """Whether the code of a service reads a variable, and why that is not known."""
        if reads:
            return "yes", ""
        if elsewhere:
            return "unknown", f"read by {', '.join(sorted(elsewhere))}"
        if name in self.named.at:
            return "unknown", f"named in {self.named.at[name]}, but not as a read that is known"
        return ("unknown", self.unseen) if self.unseen else ("no", "")

    def supplied(self, service: str, name: str, *, held: bool) -> tuple[str, str]:
        """Whether a variable is supplied to a service, and why that is not known."""
        if held:
            return "yes", ""
        if name in self.named.set_at:
            return "unknown", f"set in {self.named.set_at[name]}"
        why = self.services.get(service, f"nothing of {service} was supplied")
        return ("unknown", why) if why else ("no", "")


def _dynamic(code: CodeRead) -> str:
    many = len(code.dynamic)
    return f"{counted(many, 'read')} without a name, first {code.dynamic[0]}" if many else ""


def _unread(code: CodeRead, named: Named) -> str:
    faults = sorted({*code.unread, *named.unread})
    return f"{counted(len(faults), 'file')} not read, first {faults[0]}" if faults else ""


def _elsewhere(project: Project, code: CodeRead) -> str:
    """Code that runs and is not here: that of an image, or all of it."""
    if not code.files:
        return "no code is here"
    deployed = (path for path in code_files(project) if is_deployment(PurePosixPath(path)))
    images = [f"{path}:{line}" for path in deployed for line in _images(text_of(project, path))]
    return f"{counted(len(images), 'image')} with code that is not here, first {images[0]}" if images else ""


def _images(text: str) -> list[int]:
    """The line of each `image:` of a compose file without a `build:` beside it."""
    lines = text.splitlines()
    found = []
    for match in _IMAGE.finditer(text):
        number = text.count("\n", 0, match.start())
        if not any(line.startswith(f"{match[1]}build") for line in _block(lines, number, len(match[1]))):
            found.append(number + 1)
    return found


def _block(lines: list[str], number: int, indent: int) -> list[str]:
    """The lines around one that are indented at least as far."""

    def inside(line: str) -> bool:
        return not line.strip() or len(line) - len(line.lstrip()) >= indent

    first, last = number, number
    while first > 0 and inside(lines[first - 1]):
        first -= 1
    while last + 1 < len(lines) and inside(lines[last + 1]):
        last += 1
    return lines[first : last + 1]


def _unsupplied(sources: pd.DataFrame) -> dict[str, str]:
    """For each service why not all that it is supplied with is known."""
    found = {}
    for service, rows in sources[sources["kind"].isin(IN_FORCE)].groupby("service"):
        missing = int((~rows["state"].isin(("read", "empty"))).sum())
        lost = int(rows["not_understood"].fillna(0).sum())
        why = (
            f"{counted(missing, 'source')} of {service} not read" if missing else "",
            f"{counted(lost, 'line')} of {service} not understood" if lost else "",
        )
        found[str(service)] = "; ".join(filter(None, why))
    return found

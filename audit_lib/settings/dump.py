"""The settings in force as lines that two reviews can compare: what is looked for, where, how gravely."""

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from hashlib import sha256
from typing import Any

from pydantic import TypeAdapter

from audit_lib.base.files import Unreadable, read_source
from audit_lib.secrecy.strength import looks_generated
from audit_lib.settings.models import POLICIES, Policy, Project

# What judges nothing: titles, lines of the guide, and what is of this machine or this run.
_LEFT_OUT = (
    "title", "lines", "guide_line", "path", "sha256", "recognised_by", "root", "file",
    "ledger", "configured", "policy", "layout_sha256", "not_searched", "dated",
)  # fmt: skip
LARGEST = 1 << 20  # bytes of a file of log formats


def dump(policy: Policy, project: Project | None = None) -> tuple[str, ...]:
    """The settings, one to a line, in one order: `secret API_TOKEN: max_age_days = 90`.

    Without a project only what a policy demands. What looks like a value is shown by its digest.
    """
    plain = partial(TypeAdapter.dump_python, mode="json", exclude_defaults=True, warnings=False)
    lines = list(_lines("policy", plain(TypeAdapter(Policy), policy)))
    if project is not None:
        own = "audit.toml" if project.policy and policy.path == project.policy.path else "the reviewer"
        lines.append(f"policy: from = {'bundled' if policy.path.parent == POLICIES else own}")
        lines += _lines("audit.toml", plain(TypeAdapter(Project), project))
        if project.formats:
            try:
                digest = read_source(project.root, project.formats, LARGEST).sha256
            except Unreadable as error:
                digest = f"not read: {error.state}"
            lines.append(f"audit.toml: formats digest = {digest}")
    return tuple(sorted(lines))


def difference(old: Iterable[str], new: Iterable[str]) -> tuple[str, ...]:
    """What is gone, `- line`, and what came, `+ line`, each beside what it replaces."""
    before, after = Counter(old), Counter(new)
    gone = [f"- {line}" for line in (before - after).elements()]
    came = [f"+ {line}" for line in (after - before).elements()]
    return tuple(sorted(gone + came, key=lambda line: (line[2:].partition(" = ")[0], line[0] == "+", line)))


def digest_of_difference(lines: Iterable[str]) -> str:
    """Sixteen hexadecimal digits by which one difference is known; "" of none."""
    text = "\n".join(lines)
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16] if text else ""


def _lines(subject: str, block: dict[str, Any]) -> Iterator[str]:
    """What a block says, each text on a line; the blocks within it have lines of their own."""
    for key, value in block.items():
        if key in _LEFT_OUT or value in (None, "", [], {}):
            continue
        if not (isinstance(value, list) and isinstance(value[0], dict)):
            yield from _texts(f"{subject}: {key}", value)
            continue
        for part in value:
            name = next(part[key] for key in ("name", "path", "pattern") if key in part)
            word = f"{key.removesuffix('s').replace('_source', '')} {_text(name)}"
            yield f"{word}: declared"
            yield from _lines(word, part)


def _texts(key: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _texts(f"{key}.{name}", inner)
    else:
        yield from (f"{key} = {_text(text)}" for text in (value if isinstance(value, list) else [value]))


def _text(value: object) -> str:
    text = ascii(value)[1:-1] if isinstance(value, str) else str(value)
    return f"sha256:{sha256(text.encode()).hexdigest()[:16]}" if looks_generated(text) else text

"""The text of a first audit.toml and a first policy.toml: what was found, and guesses marked as guesses."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from audit_lib.base.errors import BadInput
from audit_lib.base.in_words import few
from audit_lib.project.audit_toml import path_fault
from audit_lib.project.likely_kind import is_issued
from audit_lib.project.onboarding.guesses import SHOWN_PLACES, Coupling, Guess
from audit_lib.project.places import ENVIRONMENTS, EnvSource, Project
from audit_lib.project.variables_in_text import Mention

_AUDIT_HEAD = """\
# Where this application's files are. Written by `audit-lib init` from what it found:
# lines that end in "guess" are guesses. Paths are relative to this folder.
"""
_AUDIT_TAIL = """
# Supply values that only a platform holds like this; they are not stored:
#   audit-lib review --project . --env production/backend=-
# To include deploys in an investigation, export the platform's deploy list (docs/incident.md#deploys):
#   [[deploys]]
#   pattern = "evidence/deploys*.json"
"""
# No guess may stand for these: it would be taken for the owner's word that no log is missing.
_INSTANCES = "# instances = 1  # fill in: how many instances write such a log, each its own"
_ZONE = '# time_zone = "UTC"  # fill in: the zone of times that have none of their own'
# Nobody but the owner can say these; while they are empty, each is a finding on the policy.
_OBTAIN = 'obtain = "its provider\'s console"  # guess: remove it if you make the value yourself'
_METADATA = (
    'purpose = ""  # fill in: what it is for',
    'owner = ""  # fill in: who answers for it',
    'reach = ""  # fill in: what it can do',
    'reviewed = ""  # fill in: when the owner last confirmed that it is needed, such as 2026-09-30',
    'reason = ""  # fill in: why it is rotated after so many days',
)
_POLICY_HEAD = """\
# What this application requires of each of its variables. Written by `audit-lib init` from
# example files and code: names only, without any value. Lines that end in "guess" are guesses, based on
# the name and the places where it was seen. Correct them, and add what your own guide says:
#   format = "url-safe"     a name of [formats], here or in the generic policy
#   min_length = 32
#   max_age_days = 90       days until it must be rotated; exempt = true: never
#   equals = ["OTHER"]      must have the same value in the same environment; differs = [...]: must not
#   required = "always"     the application fails without it; "optional": a missing one is only listed
#   obtain = "…", revoke = "…", restart = "restart"
#   [secret.lines]          your guide's line numbers, as in  period = [55]
"""


def first_audit_toml(
    project: Project, policy: str, loaders: Mapping[str, str] | None = None, logins: Iterable[str] = ()
) -> str:
    """The text of an audit.toml for what was discovered; sources that do not exist are comments.

    `loaders` gives the loader of each env file of which it is known, by its path; `logins` are blocks of
    comments that ask about logins.
    """
    lines = [_AUDIT_HEAD, f"name = {_quoted(project.name)}", f"policy = {_quoted(policy)}"]
    lines.append(_guide(project, policy))
    lines += [_environments(project), _ZONE]
    exports = [path for path in project.exports if (project.root / path).is_file()]
    if exports:
        lines.append(f"exports = {_list(exports)}")
    examples = {s.service for s in project.env_sources if s.example and (project.root / s.path).is_file()}
    for source in project.env_sources:
        if nameable(source.path):
            expected, loader = source.service in examples, (loaders or {}).get(source.path, "")
            lines += ["", *_env_lines(source, project.root, expected=expected, loader=loader)]
    for log in project.log_sources:
        if nameable(log.pattern):
            comment = "" if any(project.root.glob(log.pattern)) else "# "
            lines += ["", f"{comment}[[log]]", f"{comment}pattern = {_quoted(log.pattern)}"]
            lines += [f"{comment}service = {_quoted(log.service)}  # guess"]
            lines.append(_INSTANCES)
    for block in logins:
        lines += ["", block]
    return "\n".join(lines) + "\n" + _AUDIT_TAIL


def _guide(project: Project, policy: str) -> str:
    if (project.root / project.guide).is_file():
        return f"guide = {_quoted(project.guide)}  # your own document on secrets"
    if policy == "generic" or policy.endswith(".toml"):
        return f'guide = ""  # guess: none was found; your own document on secrets, as in {project.guide}'
    return f"# guide = {_quoted(project.guide)}  # your own document on secrets"


def _environments(project: Project) -> str:
    if project.environments == ENVIRONMENTS:
        return f"# environments = {_list(ENVIRONMENTS)}  # the ones that exist"
    return f"environments = {_list(project.environments)}  # guess: add those that only a platform holds"


def _env_lines(source: EnvSource, root: Path, *, expected: bool, loader: str) -> Iterator[str]:
    there = os.path.lexists(root / source.path)
    comment = "" if there or (expected and not source.example) else "# "
    yield f"{comment}[[env]]" + ("" if there else "  # did not exist when this was written")
    yield f"{comment}path = {_quoted(source.path)}"
    if source.environment:
        yield f"{comment}environment = {_quoted(source.environment)}  # guess"
    yield f"{comment}service = {_quoted(source.service)}  # guess"
    if source.example:
        yield f"{comment}example = true"
    if source.backup:
        yield f"{comment}backup = true  # guess"
    if loader:
        yield f"{comment}loader = {_quoted(loader)}  # guess: by its neighbours"


def first_policy_toml(name: str, guesses: Iterable[Guess], max_age_days: int) -> str:
    """The text of a policy.toml that extends the generic policy by one rule a variable.

    Until the owner states a limit, the generic policy's default counts: `max_age_days`.
    """
    lines = [_POLICY_HEAD, f"name = {_quoted(name)}", 'extends = "generic"']
    for guess in guesses:
        lines += ["", f"# Seen in {_places(guess.places)}", "[[secret]]", f"name = {_quoted(guess.name)}"]
        lines.append(f"service = {_quoted(guess.service)}  # guess")
        lines.append(f"kind = {_quoted(guess.kind)}  # guess")
        if guess.component != "whole":
            lines.append(f"component = {_quoted(guess.component)}  # guess")
        lines.append(f"required = {_quoted(guess.required)}  # guess")
        if guess.kind == "secret":
            lines.append(f"# max_age_days = {max_age_days}  # the default; what your own guide says counts")
            lines += [_OBTAIN] if is_issued(guess.name, name) else []
            lines += _METADATA
        if guess.coupled:
            others = _list(coupling.other for coupling in guess.coupled)
            lines.append(f"equals = {others}  # guess: {_shown_by(guess.coupled)}")
        elif guess.pair:
            lines.append(
                f"# equals = [{_quoted(guess.pair)}]  # or differs: the names look like a pair, guess"
            )
    return "\n".join(lines) + "\n"


def _shown_by(coupled: tuple[Coupling, ...]) -> str:
    """What shows that variables hold one secret."""
    lines = [Mention(one.other, one.path, one.line) for one in coupled if one.path]
    return f"one is set from the other in {_places(tuple(lines))}" if lines else "they hold one value"


def _places(places: tuple[Mention, ...]) -> str:
    return few((f"{_shown(place.path)}:{place.line}" for place in places), SHOWN_PLACES)


def _shown(path: str) -> str:
    # A file's name could end the comment and begin a key of its own.
    return path if re.fullmatch(r"[\w./@+ ()-]{1,200}", path) else "a file with an odd name"


def nameable(path: str) -> bool:
    """Whether an audit.toml can name a path: one in UTF-8, without control characters or backslashes."""
    return not path_fault(path) and not any("\ud800" <= char <= "\udfff" for char in path)


def _quoted(text: str) -> str:
    plain = (char if char.isprintable() and char not in '"\\' else f"\\U{ord(char):08x}" for char in text)
    return f'"{"".join(plain)}"'


def _list(texts: Iterable[str]) -> str:
    return f"[{', '.join(map(_quoted, texts))}]"


def write_new(path: Path, text: str, place: str) -> bool:
    """Whether the file was written: never over one that is there, nor through a link."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        return False
    except OSError as error:
        raise BadInput.at(place, f"cannot be written ({error.strerror})") from None
    with os.fdopen(handle, "wb") as file:
        file.write(text.encode("utf-8"))
    return True

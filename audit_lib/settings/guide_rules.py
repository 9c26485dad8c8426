"""The numbered rules of a guide, each with what decides it: a file that a policy names."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import StrictStr

from audit_lib.base.bounded import parse_toml, read_text_file
from audit_lib.base.errors import BadInput, Fault
from audit_lib.settings.fields import CONFIG, Names, Some, Texts, check, no_two
from audit_lib.settings.models import Policy
from audit_lib.settings.validate import checked

BUNDLED_RULES = Path(__file__).with_name("policies") / "rules"
DECIDERS = ("checks", "leaks_in", "question", "held_by", "not_decidable")


@dataclass(frozen=True)
class GuideRule:
    """One numbered rule of a guide. At least one of DECIDERS is not empty; the last three stand alone."""

    number: Some
    says: Some  # the rule in one or two sentences
    lines: StrictStr = ""  # of the guide, such as "47-55, 318"; "" if the guide does not state it
    checks: Texts = ()
    secrets: Names = ()  # the policy's names of what the checks are asked about; () for all
    leaks_in: Texts = ()  # kinds of places in which no value may be
    paths: Texts = ()  # globs of the paths there; () for all
    question: StrictStr = ""  # the attestation that answers it
    held_by: StrictStr = ""  # what of the program itself holds it
    not_decidable: StrictStr = ""  # why nothing that can be read decides it
    beyond: StrictStr = ""  # what of the rule the checks do not reach: with it, it never passes
    __pydantic_config__ = CONFIG


def _is_decided(rule: GuideRule) -> bool:
    deciders = {name for name in DECIDERS if getattr(rule, name)}
    return len(deciders) == 1 or deciders == {"checks", "leaks_in"}


_ONE = check(_is_decided, f"needs checks, leaks_in or both, or one of {', '.join(DECIDERS[2:])}")


@dataclass(frozen=True)
class GuideRules:
    """The numbered rules of a guide, in their order."""

    rule: Annotated[tuple[Annotated[GuideRule, _ONE], ...], no_two("number")] = ()
    __pydantic_config__ = CONFIG


def guide_rules(policy: Policy) -> tuple[GuideRule, ...]:
    """The numbered rules that a policy names, in the order of their file; none if it names none.

    `BadInput` with every fault of the file, or for a name that leads out of the policy's folder.
    """
    name = policy.rules
    if Path(name).name != name:
        raise BadInput.at(policy.path.name, "rules must be a bundled name or a file beside the policy")
    if not name:
        return ()
    path = policy.path.parent / name if name.endswith(".toml") else BUNDLED_RULES / f"{name}.toml"
    faults: list[Fault] = []
    found = checked(GuideRules, parse_toml(read_text_file(path, path.name), path.name), path.name, faults)
    if not found:
        raise BadInput(faults)
    return found.rule

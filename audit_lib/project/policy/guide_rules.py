"""The numbered rules of a guide, each with what decides it: a file beside the policy that names it."""

from dataclasses import dataclass
from pathlib import Path

from audit_lib.base.bounded_toml import parse_toml
from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.toml_table import TomlTable, read_text_file, shown_name
from audit_lib.project.policy.rules import Policy

BUNDLED = Path(__file__).with_name("bundled") / "rules"
DECIDERS = ("checks", "leaks_in", "question", "held_by", "not_decidable")


@dataclass(frozen=True)
class GuideRule:
    """One rule. At least one of DECIDERS is not empty; the last three stand alone."""

    number: str
    says: str  # the rule in one or two sentences
    lines: str = ""  # of the guide, such as "47-55, 318"; "" if the guide does not state it
    checks: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()  # the policy's names of what the checks are asked about; () for all
    subjects: tuple[str, ...] = ()  # of the guide's text, those that it is about; () for all
    leaks_in: tuple[str, ...] = ()  # kinds of places in which no value may be
    paths: tuple[str, ...] = ()  # globs of the paths there; () for all
    question: str = ""  # the attestation that answers it
    held_by: str = ""  # what of the program itself holds it
    not_decidable: str = ""  # why nothing that can be read decides it
    beyond: str = ""  # what of the rule the checks do not reach: with it, it never passes


def guide_rules(policy: Policy) -> tuple[GuideRule, ...]:
    """The rules that a policy names, in the order of their file; none if it names none.

    Raises:
        BadInput: every fault of the file, or of a name that leads out of the policy's folder.
    """
    name = policy.rules
    if not name:
        return ()
    if Path(name).name != name:
        raise BadInput.at(policy.path.name, "rules must be a bundled name or a file beside the policy")
    own = name.endswith(".toml")
    return _read(policy.path.parent / name if own else BUNDLED / f"{name}.toml")


def _read(path: Path) -> tuple[GuideRule, ...]:
    faults: list[Fault] = []
    table = TomlTable(parse_toml(read_text_file(path, path.name), path.name), path.name, faults)
    rules = tuple(_rule(inner) for inner in table.tables("rule", "number"))
    numbers = [rule.number for rule in rules]
    for number in sorted({number for number in numbers if number and numbers.count(number) > 1}):
        table.fault(f"has rule {shown_name(number)} twice")
    table.close()
    if faults:
        raise BadInput(faults)
    return rules


def _rule(table: TomlTable) -> GuideRule:
    rule = table.filled(GuideRule)
    table.close()
    deciders = [name for name in DECIDERS if getattr(rule, name)]
    alone = not {"checks", "leaks_in"} & set(deciders)
    if not deciders or (len(deciders) > 1 and (alone or set(deciders) - {"checks", "leaks_in"})):
        table.fault(f"needs checks, leaks_in or both, or one of {', '.join(DECIDERS[2:])}")
    return rule

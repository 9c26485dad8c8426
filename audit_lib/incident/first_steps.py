"""What to do first, in order, from steps.toml and the policy alone: no log, ledger or value is needed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

from audit_lib.base.bounded import parse_toml
from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.toml_table import TomlTable
from audit_lib.settings import Policy, SecretRule

GROUPS = ("orientation", "rotation", "unlisted", "explained")
CONDITIONS = ("obtained", "public", "paired", "alone", "restart", "rebuild", "many", "answered")
EVERYWHERE = "every environment that holds it"


@dataclass(frozen=True)
class Step:
    """One step: what to do, how to see that it worked, and what it breaks."""

    secret: str
    place: str
    action: str
    text: str
    verify: str = ""
    breaks: str = ""


@dataclass(frozen=True)
class StepTemplate:
    """A step as steps.toml states it, with words in braces to be filled in."""

    action: str
    text: str
    verify: str
    breaks: str = ""
    place: str = ""
    condition: str = ""  # what must hold of the secret or of the addresses, `if` in the file; "" for none
    each: bool = False  # once for the secret and for each that changes with it
    explanation: str = ""

    def filled(self, secret: str, words: Mapping[str, str]) -> Step:
        """The step for a secret."""
        texts = (self.place, self.action, self.text, self.verify, self.breaks)
        return Step(secret, *(text.format_map(words) for text in texts))


@cache
def step_templates() -> Mapping[str, tuple[StepTemplate, ...]]:
    """The steps of steps.toml by group; `BadInput` with every fault of the file."""
    place = "steps.toml"
    content = resources.files("audit_lib.incident").joinpath(place).read_bytes()
    faults: list[Fault] = []
    table = TomlTable(parse_toml(content, place), place, faults)
    found = {group: tuple(map(_template, table.tables(group, "action"))) for group in GROUPS}
    table.close()
    if faults:
        raise BadInput(faults)
    return found


def _template(table: TomlTable) -> StepTemplate:
    found = table.filled(StepTemplate, condition=table.text("if", among=CONDITIONS))
    table.close()
    return found


def steps(policy: Policy, secret: str = "", place: str = EVERYWHERE) -> tuple[Step, ...]:
    """The steps in order: for a secret those of its rotation, else those that find out what is concerned."""
    rule = policy.rule(secret) if secret else None
    if rule is not None:
        return tuple(_rotation(policy, rule, place))
    group = step_templates()["unlisted" if secret else "orientation"]
    return tuple(template.filled(secret, {"secret": secret, "place": place}) for template in group)


def explained_step(explanation: str, place: str, condition: str = "") -> Step:
    """What an explanation asks for before anything else, if that holds of its addresses."""
    return next(
        replace(template.filled("", {}), place=place)
        for template in step_templates()["explained"]
        if (template.explanation, template.condition) == (explanation, condition)
    )


def _rotation(policy: Policy, rule: SecretRule, place: str) -> list[Step]:
    names = dict.fromkeys((*rule.equals, *rule.rotates_with))
    coupled = [twin for name in names if (twin := policy.rule(name))]
    every = [rule, *coupled]
    public = any(one.public or one.name.startswith(policy.public_prefixes) for one in every)
    found = []
    for template in step_templates()["rotation"]:
        for one in every if template.each else [rule]:
            holds = {"obtained": bool(one.obtain), "public": public, "paired": bool(coupled)}
            holds |= {"alone": not coupled, "restart": one.restart == "restart"}
            holds |= {"rebuild": one.restart == "rebuild", "": True}
            if holds[template.condition]:
                found.append(template.filled(one.name, _words(one, coupled, place)))
    return found


def _words(rule: SecretRule, coupled: list[SecretRule], place: str) -> dict[str, str]:
    """What the policy says of a secret, in the words that steps.toml asks for."""
    every = [rule, *(one for one in coupled if one.name != rule.name)]
    stores = (f"{one.name} in the {one.service}'s environment (platform and env file)" for one in every)
    broken = f"{coupled[0].name} no longer fits until it is set, too" if coupled else ""
    if rule.equals:
        broken = "401 for everyone from the first restart until the last consumer has the new value"
    equal = "`review` finds no pairing-mismatch" if rule.equals else "`snapshot` shows other fingerprints"
    return {
        "secret": rule.name,
        "place": place,
        "names": " and ".join(one.name for one in every),
        "make": rule.generate or (f"get it from {rule.obtain}" if rule.obtain else "as its provider says"),
        "stores": ", ".join(stores),
        "equal": equal,
        "broken": broken,
        "consumers": ", ".join(rule.consumers) or rule.service,
        # Of a value that a provider issues, `revoke` says when to revoke it, not what a restart stops.
        "stops": "" if rule.obtain else rule.revoke,
        "revoke": rule.revoke or "Revoke the old value once the new one works",
        "obtain": rule.obtain,
    }

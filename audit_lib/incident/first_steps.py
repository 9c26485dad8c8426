"""What to do first, in order, from the policy's couplings alone: no log, ledger or value is needed."""

from collections.abc import Iterator
from dataclasses import dataclass

from audit_lib.project.policy import Policy, SecretRule

_PUBLIC = (
    "A public variable shows the new value with the next build as well: rotation contains nothing until the"
    " backend asks for something that a browser does not have"
)


@dataclass(frozen=True)
class Step:
    """One step: what to do, how to see that it worked, and what it breaks."""

    secret: str
    where: str
    action: str
    text: str
    verify: str = ""
    breaks: str = ""


def steps(
    policy: Policy, secret: str = "", where: str = "every environment that holds it"
) -> tuple[Step, ...]:
    """The steps in order: for a secret those of its rotation, else those that find out what is concerned."""
    rule = policy.rule(secret) if secret else None
    if rule is not None:
        return tuple(_rotation(policy, rule, where))
    if secret:
        return tuple(_unlisted(secret, where))
    return tuple(_orientation())


def _orientation() -> Iterator[Step]:
    yield Step(
        "",
        "",
        "ask",
        "If a string was seen: run `whose`; it says whose secret it is, in force where",
        "it names a secret and an environment",
    )
    yield Step(
        "",
        "",
        "keep",
        "Keep the logs: copy what the platform will rotate away, before any restart",
        "the copies have a size and a date",
    )
    yield Step(
        "",
        "",
        "record",
        "Take a snapshot now (`snapshot`): it proves what was in force before you act",
        "`verify` passes",
    )
    yield Step(
        "",
        "",
        "look",
        "Read the timeline and the first explanation; never rotate on a burst of 401 alone",
        "the explanation says what speaks for it",
    )
    yield Step(
        "",
        "",
        "rotate",
        "Rotate what leaked and is in force, its twin with it; then purge, then tell people",
        "`whose` says of the old value: retired",
    )


def _rotation(policy: Policy, rule: SecretRule, where: str) -> Iterator[Step]:
    twins = [
        twin for name in dict.fromkeys((*rule.equals, *rule.rotates_with)) if (twin := policy.rule(name))
    ]
    every = [rule, *twins]
    names = " and ".join(one.name for one in every)
    yield Step(
        rule.name,
        where,
        "record",
        "Take a snapshot (`snapshot`): it proves what was in force before you act",
        "`verify` passes",
    )
    if rule.obtain:
        yield Step(
            rule.name,
            "provider",
            "revoke",
            f"Revoke the old value at once, without an overlap: {rule.obtain}",
            "the provider refuses the old one",
            rule.revoke,
        )
    make = (
        rule.generate or f"get it from {rule.obtain}"
        if (rule.generate or rule.obtain)
        else "make a new value"
    )
    yield Step(
        rule.name,
        "your machine",
        "make",
        f"Make a new value: {make}",
        "it was never printed into a log or a chat",
    )
    yield Step(
        rule.name,
        where,
        "replace",
        f"Put it where it is read{f', {names} together' if twins else ''}: {_stores(every)}",
        _pair(rule),
        _broken_between(rule, twins),
    )
    for one in every:
        if one.restart:
            yield Step(
                one.name,
                ", ".join(one.consumers) or one.service,
                one.restart,
                _restart(one),
                "the start-up validation passes",
                one.revoke,
            )
    if any(_public(policy, one) for one in every):
        yield Step(rule.name, "browser", "think", _PUBLIC, "search the new bundle (`leaks`)")
    yield Step(rule.name, where, "verify", _record(rule.name), "`whose` says of the old value: retired")
    yield Step(
        rule.name,
        "history",
        "purge",
        "Take it out of where it leaked (git filter-repo for the history, then a forced push; forks, clones"
        " and caches keep it); before the rotation that helps nobody",
        "`leaks` finds it in no file, and reachable by no ref",
    )


def _unlisted(secret: str, where: str) -> Iterator[Step]:
    yield Step(
        secret, where, "record", "Take a snapshot (`snapshot`): it proves what was in force before you act"
    )
    yield Step(
        secret, "provider", "revoke", "The policy does not know it: find who issued it, and revoke it there"
    )
    yield Step(secret, where, "replace", "Put a new value where it is read, and restart what reads it")
    yield Step(secret, where, "verify", _record(secret), "`whose` says of the old value: retired")
    yield Step(secret, "policy", "add", f"Add a [[secret]] block for {secret} to the policy")


def _record(secret: str) -> str:
    return f"Take a snapshot, then record it: `record {secret} --environment … --reason leaked`"


def _stores(rules: list[SecretRule]) -> str:
    return ", ".join(
        f"{rule.name} in the {rule.service}'s environment (platform and env file)" for rule in rules
    )


def _pair(rule: SecretRule) -> str:
    return "`review` finds no pairing-mismatch" if rule.equals else "`snapshot` shows another fingerprint"


def _broken_between(rule: SecretRule, twins: list[SecretRule]) -> str:
    if rule.equals:
        return "401 for everyone from the first restart until the last consumer has the new value"
    return f"{twins[0].name} of before no longer fits" if twins else ""


def _restart(rule: SecretRule) -> str:
    if rule.restart == "rebuild":
        return f"Rebuild, do not just restart: {rule.name} is inlined when it is built"
    return f"Restart: a running process keeps the old {rule.name}"


def _public(policy: Policy, rule: SecretRule) -> bool:
    return rule.public or rule.name.startswith(policy.public_prefixes)

"""Which values a secret has or had, which public variables hold one, and which secrets leaked."""

from audit_lib.base.contracts import rows
from audit_lib.incident.investigation import Investigation


def fingerprints(investigation: Investigation, secret: str) -> frozenset[str]:
    """Every value that a secret has or had, by ledger, history and env files."""
    held = {tenure.fingerprint for tenure in investigation.tenures if tenure.home.secret == secret}
    rule = investigation.policy.rule(secret)
    names = {secret, *(rule.aliases if rule else ())}
    history, inventory = investigation.history, investigation.inventory
    committed = history.loc[history["name"].isin(names), "fingerprint"]
    here = inventory.loc[inventory["secret"] == secret, "fingerprint"].dropna()
    return frozenset({*held, *committed, *here})


def public_twins(investigation: Investigation, secret: str) -> tuple[str, ...]:
    """The public variables that hold, or held, one of the secret's values: a bundle shows them."""
    values, inventory = fingerprints(investigation, secret), investigation.inventory
    same = inventory["fingerprint"].isin(values) & inventory["public"]
    named = set(inventory.loc[same, "secret"])
    rules = {name for name in coupled(investigation, secret) if _is_public(investigation, name)}
    shared = {name for name in rules if fingerprints(investigation, name) & values}
    return tuple(sorted(named | shared | ({secret} if _is_public(investigation, secret) else set())))


def coupled(investigation: Investigation, secret: str) -> tuple[str, ...]:
    """The variables that must change with a secret, by the policy: its equals and its pair."""
    rule = investigation.policy.rule(secret)
    return tuple(dict.fromkeys((*rule.equals, *rule.rotates_with))) if rule else ()


def _is_public(investigation: Investigation, name: str) -> bool:
    rule = investigation.policy.rule(name)
    return (rule is not None and rule.public) or name.startswith(investigation.policy.public_prefixes)


def leaked_secrets(investigation: Investigation) -> tuple[str, ...]:
    """The secrets of which a leak is known, the most urgent first; a commit of an env file is one."""
    leaks = investigation.leaks
    named = rows(leaks[leaks["kind"].isin(("leak", "truncated"))])
    committed = sorted(set(investigation.history["name"]))
    names = (*(leak.variable for leak in named), *committed)
    rules = [(name, investigation.policy.rule(name)) for name in names]
    return tuple(
        dict.fromkeys(
            rule.name if rule else name for name, rule in rules if not rule or rule.kind == "secret"
        )
    )


def searched_whole(investigation: Investigation) -> bool:
    """Whether files and history were searched for leaks, and nothing in them was left out."""
    coverage = investigation.leak_coverage
    states = coverage.loc[coverage["part"].isin(("git objects", "files")), "state"]
    return len(states) > 0 and bool(states.eq("searched").all())

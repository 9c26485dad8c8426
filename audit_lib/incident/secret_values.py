"""Which values a secret has or had, which public variables hold one, and which secrets leaked."""

from audit_lib.base.frames import rows
from audit_lib.incident.investigation import Investigation
from audit_lib.ledger.timeline import Tenure
from audit_lib.logins.requests import Window


def fingerprints(investigation: Investigation, secret: str) -> frozenset[str]:
    """Every value that a secret has or had, by ledger, history and env files."""
    held = {tenure.fingerprint for tenure in investigation.tenures if tenure.home.secret == secret}
    rule = investigation.policy.rule(secret)
    names = {secret, *(rule.aliases if rule else ())}
    history, inventory = investigation.history, investigation.inventory
    committed = history.loc[history["name"].isin(names), "fingerprint"]
    here = inventory.loc[inventory["secret"] == secret, "fingerprint"].dropna()
    return frozenset({*held, *committed, *here})


def was_searched_for(investigation: Investigation) -> bool:
    """Whether each value of the secret, or of any, was searched for in every place and form.

    A value that only the ledger knows was not: of it there is a fingerprint and no more.
    """
    asked, window, inventory = investigation.secret, investigation.window, investigation.inventory
    mine = inventory[inventory["secret"].eq(asked) | (asked == "")]
    here = set(mine["fingerprint"].dropna())
    then = {
        one.fingerprint
        for one in investigation.tenures
        if asked in ("", one.home.secret) and one.first.at <= window.until and one.last.at >= window.since
    }
    rows_ = investigation.leak_coverage.query("part == 'values'")
    whole = rows_["state"].eq("searched")
    partly = set(rows_.loc[~whole, "place"]) & set(mine["variable"])
    return bool(rows_.loc[whole, "count"].gt(0).any()) and bool(here) and then <= here and not partly


def held_throughout(investigation: Investigation, stay: Tenure, window: Window) -> bool:
    """Whether a value was seen in its place before a window and after it; what is there now was seen now."""
    inventory = investigation.inventory
    home = inventory[["secret", "environment", "service"]].eq(list(stay.home)).all(axis=1)
    now = inventory.loc[home, "fingerprint"].eq(stay.fingerprint).any()
    return stay.first.at <= window.since and (stay.last.at >= window.until or bool(now and not stay.gone))


def unread_places(investigation: Investigation) -> tuple[str, ...]:
    """The env files and exports that were expected and not read."""
    sources = investigation.sources
    expected = sources["kind"].isin(("env file", "export", "given values")) & sources["state"].ne("read")
    return tuple(sorted(sources.loc[expected, "source"]))


def public_twins(investigation: Investigation, secret: str) -> tuple[str, ...]:
    """The public variables that hold, or held, one of the secret's values: a bundle shows them."""
    values, inventory = fingerprints(investigation, secret), investigation.inventory
    same = inventory["fingerprint"].isin(values) & inventory["public"]
    named = set(inventory.loc[same, "secret"])
    rules = {name for name in coupled(investigation, secret) if _is_public(investigation, name)}
    shared = {name for name in rules if fingerprints(investigation, name) & values}
    return tuple(sorted(named | shared | ({secret} if _is_public(investigation, secret) else set())))


def published_now(investigation: Investigation) -> dict[str, str]:
    """Each secret whose value a public variable has now, and that variable: a bundle shows it to everyone."""
    held = investigation.inventory.dropna(subset="fingerprint")
    secrets, public = held[held["kind"].eq("secret") & ~held["public"]], held[held["public"]]
    shown = dict(zip(public["fingerprint"], public["variable"], strict=True))
    pairs = zip(secrets["secret"], secrets["fingerprint"], strict=True)
    return {name: shown[fingerprint] for name, fingerprint in pairs if fingerprint in shown}


def coupled(investigation: Investigation, secret: str) -> tuple[str, ...]:
    """The variables that must change with a secret, by the policy: its equals and its pair."""
    rule = investigation.policy.rule(secret)
    return tuple(dict.fromkeys((*rule.equals, *rule.rotates_with))) if rule else ()


def _is_public(investigation: Investigation, name: str) -> bool:
    rule = investigation.policy.rule(name)
    return (rule is not None and rule.public) or name.startswith(investigation.policy.public_prefixes)


def leaked_secrets(investigation: Investigation) -> tuple[str, ...]:
    """The secrets of which a leak is known, the most urgent first; a commit of an env file is one.

    What the policy does not name is a setting if the inventory says so, as in a review.
    """
    leaks = investigation.leaks
    named = rows(leaks[leaks["kind"].isin(("leak", "truncated"))])
    committed = sorted(set(investigation.history["name"]))
    names = (*(leak.variable for leak in named), *committed)
    rules = [(name, investigation.policy.rule(name)) for name in names]
    inventory = investigation.inventory
    settings = set(inventory.loc[inventory["kind"].eq("setting"), "secret"])
    return tuple(
        dict.fromkeys(
            rule.name if rule else name
            for name, rule in rules
            if (rule.kind == "secret" if rule else name not in settings)
        )
    )

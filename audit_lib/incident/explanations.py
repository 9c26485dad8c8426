"""What may explain an incident: for each explanation what speaks for it, what against, what is missing."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.base.contracts import Explanations, rows
from audit_lib.base.log_kinds import OTHER_ROUTES
from audit_lib.incident import facts
from audit_lib.incident.data import Scene
from audit_lib.incident.exposure_windows import span
from audit_lib.incident.facts import ENOUGH, Facts, gathered
from audit_lib.logins.clients import reaches_back

LIKELY, POSSIBLE = 3, 1


@dataclass
class Explanation:
    """One explanation while its points are collected."""

    name: str
    seen: bool = True  # lines of the window were read: where it rests on them, silence can speak
    found: list[tuple[int, str]] = field(default_factory=list)
    against: list[tuple[int, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lacks("a log of the window: no line of it was read", not self.seen)

    def pro(self, weight: int, text: str, holds: object = True) -> None:
        """A point that speaks for it, where it holds."""
        if holds:
            self.found.append((weight, text))

    def contra(self, weight: int, text: str, holds: object = True) -> None:
        """A point that speaks against it, where it holds."""
        if holds:
            self.against.append((weight, text))

    def absent(self, weight: int, text: str, holds: object = True) -> None:
        """A point against it because nothing was seen, where anything would have been."""
        self.contra(weight, text, holds and self.seen)

    def lacks(self, text: str, holds: object = True) -> None:
        """Evidence that would decide and is not there."""
        if holds:
            self.missing.append(text)

    @property
    def weight(self) -> int:
        """The points for it less those against it."""
        return sum(weight for weight, _ in self.found) - sum(weight for weight, _ in self.against)

    @property
    def verdict(self) -> str:
        """likely, possible, unlikely; unknown where nothing speaks for it and evidence is missing."""
        if self.weight >= LIKELY:
            return "likely"
        if self.weight >= POSSIBLE:
            return "possible"
        return "unknown" if self.missing and not self.against else "unlikely"


def tabulate_explanations(scene: Scene, windows: pd.DataFrame) -> pd.DataFrame:
    """`Explanations`, the best supported first; ties in the order of `EXPLANATIONS`."""
    known = gathered(scene, windows)
    cases = [explain(known) for explain in EXPLANATIONS]
    order = ("likely", "possible", "unknown", "unlikely")
    cases.sort(key=lambda case: (order.index(case.verdict), -case.weight))
    return Explanations.of(
        {
            "rank": rank,
            "explanation": case.name,
            "verdict": case.verdict,
            "weight": case.weight,
            "speaks_for": _listed(text for _, text in case.found),
            "speaks_against": _listed(text for _, text in case.against),
            "missing": _listed(case.missing),
        }
        for rank, case in enumerate(cases, 1)
    )


def _listed(texts: Iterable[str]) -> str:
    return "; ".join(texts)


def _own_bundle(known: Facts) -> Explanation:
    case = Explanation("our own bundle explains the sighting")
    scene = known.scene
    twins = scene.public_twins(scene.secret) if scene.secret else ()
    text = f"{', '.join(twins)} holds the value and is built into what every browser loads"
    case.pro(3, text, twins)
    case.pro(1, "rotation will not contain it: the next build publishes the new value as well", twins)
    case.contra(2, "no public variable holds the value", scene.secret and not twins)
    case.contra(2, "a leak outside the bundle is known", scene.secret and known.windows["leaked"].any())
    used = _used_after_leak(known)
    case.contra(1, f"sources that are new succeeded: {_names(used)}", used)
    case.lacks("which secret was seen: name it (secret), or ask `whose`", not scene.secret)
    return case


def _brute_force(known: Facts) -> Explanation:
    case = Explanation("brute force", known.scene.seen)
    clients = known.scene.clients
    regular = set(clients.loc[clients["successes_before"] > 0, "client"]) | known.stale
    attackers = {client: count for client, count in known.bursts.items() if client not in regular}
    named = {client: count for client, count in attackers.items() if client}
    worst = ", ".join(f"{client} ({count})" for client, count in list(named.items())[:3])
    case.pro(3, f"bursts of failures within ten minutes, by sources that had not succeeded: {worst}", named)
    case.pro(
        2,
        f"{attackers.get('')} failed logins within ten minutes; the message names no address",
        "" in attackers,
    )
    after = [one for one in known.newcomers if one.failures_before >= facts.BURST]
    case.pro(2, f"success after many failures: {_names(after)}", after)
    case.contra(
        2, "the addresses are a proxy's, so a burst of one address may be many people", known.collapsed
    )
    case.contra(
        2, "nearly everyone failed at the same time: a guesser fails alone", known.broken and not after
    )
    case.absent(1, "no ten failures lie surely within ten minutes", not attackers)
    share = facts.untimed_share(known.scene)
    case.lacks(f"{share:.0%} of the requests carry no time: bursts among them cannot be told", share > 0.05)
    return case


def _used_after_leak(known: Facts) -> list[facts.Newcomer]:
    """Newcomers whose first success lies in the exposure window of a value that is known to have leaked."""
    spans = [span(row, known.scene.as_of) for row in rows(known.windows[known.windows["leaked"]])]
    quiet = [one for one in known.newcomers if one.failures_before < facts.BURST]
    return [one for one in quiet if any(s.since <= one.first_at <= s.until for s in spans)]


def _leaked_and_used(known: Facts) -> Explanation:
    case = Explanation("leaked and used", known.scene.seen)
    leaked = known.windows[known.windows["leaked"]]
    used = _used_after_leak(known)
    names = ", ".join(sorted(set(leaked["secret"])))
    case.pro(1, f"known to have leaked: {names}", len(leaked))
    case.pro(4, f"after it sources that were never seen before succeeded at once: {_names(used)}", used)
    case.contra(2, "no leak of the secret is known", not len(leaked))
    no_new = bool(len(leaked)) and not used and reaches_back(known.scene.requests, known.scene.window)
    case.absent(2, "no new source succeeded on a protected route", no_new and not known.unnamed_routes)
    case.lacks("the logs do not say which token a request bore")
    case.lacks(_UNNAMED, known.unnamed_routes)
    case.lacks(_NO_HISTORY, not reaches_back(known.scene.requests, known.scene.window))
    case.lacks(_PROXIED, known.collapsed)
    return case


def _stale_client(known: Facts) -> Explanation:
    case = Explanation("stale client after a rotation", known.scene.seen)
    hit = [change for change in known.changes if change.stale]
    for change in hit[:2]:
        back = f", of whom {len(change.recovered)} recovered" if change.recovered else ""
        case.pro(4 if change is hit[0] else 0, f"{change.text}: {_list(change.stale)} failed after it{back}")
    early = hit[0].early if hit else ""
    case.contra(1, f"{early}: a process that has the old value answers those that bear it", early)
    watched = bool(known.scene.stays)
    case.contra(3, "no value is known to have changed in the window", watched and not known.changes)
    none_failed = known.changes and not hit and not known.unnamed_routes
    case.absent(1, "nobody who had succeeded failed after a change", none_failed)
    case.lacks(_UNNAMED, known.unnamed_routes)
    case.contra(3, "nearly everyone failed, those with the new value too", known.broken and known.unpaired)
    case.lacks("a snapshot just before and after each rotation", not watched)
    case.lacks(_PROXIED, known.collapsed)
    return case


def _pair_break(known: Facts) -> Explanation:
    case = Explanation("pair break", known.scene.seen)
    gap = known.longest_break
    if known.broken and gap is not None:
        text = f"{gap.failures} of {gap.requests} protected requests failed for {gap.minutes} minutes"
        case.pro(3, f"{text} from {iso(gap.first_at)}, {gap.clients} sources alike")
    case.pro(2, _listed(known.unpaired[:3]), known.unpaired)
    case.contra(
        2, "the halves of every pair that was looked at are equal", not known.unpaired and not known.broken
    )
    case.absent(2, "at no time did nearly everyone fail", not known.broken and not known.unnamed_routes)
    case.lacks(_UNNAMED, known.unnamed_routes)
    case.lacks("what the last build of the frontend holds: search its bundle (leaks)")
    return case


def _proxy_collapse(known: Facts) -> Explanation:
    case = Explanation("proxy collapse", known.scene.seen)
    text = (
        f"{known.share_internal:.0%} of {known.requests} requests come from at most three internal addresses"
    )
    case.pro(3, text, known.collapsed)
    limited = f"{known.limited} requests were answered 429: one limit for all who share the address"
    case.pro(1, limited, known.collapsed and known.limited)
    case.pro(1, "a burst comes from an internal address", known.collapsed and known.bursts)
    case.contra(
        3,
        f"{1 - known.share_internal:.0%} of the requests come from outside",
        not known.collapsed and known.requests >= ENOUGH,
    )
    case.lacks("too few requests to tell", known.requests < ENOUGH)
    case.lacks("the proxy's own log, or X-Forwarded-For from a proxy that is trusted", known.collapsed)
    return case


def _quiet_misuse(known: Facts) -> Explanation:
    case = Explanation("quiet misuse", known.scene.seen)
    quiet = [one for one in known.newcomers if one.failures_before < facts.BURST]
    case.pro(3, f"sources that were never seen before succeeded without guessing: {_names(quiet)}", quiet)
    case.contra(1, "it is a leak that is known", bool(_used_after_leak(known)))
    no_new = not quiet and reaches_back(known.scene.requests, known.scene.window) and not known.collapsed
    case.absent(2, "no new source succeeded on a protected route", no_new and not known.unnamed_routes)
    case.lacks(_UNNAMED, known.unnamed_routes)
    case.lacks("whose address it is: new users look the same", quiet)
    case.lacks(_NO_HISTORY, not reaches_back(known.scene.requests, known.scene.window))
    case.lacks(_PROXIED, known.collapsed)
    return case


_NO_HISTORY = "logs of a week before the window: without them a newcomer cannot be told from a regular"
_UNNAMED = f"the routes of the requests under {OTHER_ROUTES}: which of them are protected is not known"
_PROXIED = "the sources' own addresses: all come through a proxy"


def _names(found: Iterable[facts.Newcomer]) -> str:
    return ", ".join(f"{one.client} ({one.successes} since {iso(one.first_at)})" for one in list(found)[:3])


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


EXPLANATIONS: tuple[Callable[[Facts], Explanation], ...] = (
    _leaked_and_used,
    _brute_force,
    _pair_break,
    _stale_client,
    _proxy_collapse,
    _quiet_misuse,
    _own_bundle,
)

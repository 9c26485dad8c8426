"""A7, A8: a success after failures, and a success of a source that was never seen before."""

from typing import Any

import numpy as np
import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.logins.detections.address_and_network import by_both
from audit_lib.logins.detections.alarm import MOST, Alarm, alarm, counted, places
from audit_lib.logins.detections.thresholds import Rule
from audit_lib.logins.detections.traffic import Traffic

MINUTE, HOUR, DAY = 60, 3600, 86400


def after_failures(traffic: Traffic, rule: Rule) -> list[Alarm]:
    """A7: several failures of one source, an address or a network, then a login that succeeds or an answer to
    it on a protected route, the first for a day.

    Successes are kept by the minute: one in the minute of the last failure may be before it, and is said.
    """
    requests = traffic.requests[traffic.requests["client"].ne("")]
    failures = traffic.failures[traffic.failures["client"].ne("")]
    found = _all_after_failures(failures, requests[requests["let_in"]], rule)
    if requests["added"].any():
        # What audit.toml declares finds more; a login that is declared there excuses nobody.
        more = _all_after_failures(failures, requests[requests["let_in"] | requests["added"]], rule)
        told = {one.client for one in found}
        found += [one for one in more if one.client not in told]
    return found


def _all_after_failures(failures: pd.DataFrame, good: pd.DataFrame, rule: Rule) -> list[Alarm]:
    good = good.drop_duplicates(["client", "seconds"])
    return by_both(failures, lambda failures, key: _after_failures(failures, good, key, rule), good)


def _after_failures(failures: pd.DataFrame, good: pd.DataFrame, key: str, rule: Rule) -> list[Alarm]:
    sums = failures.groupby(key).size()
    chosen = set(sums[sums >= rule["failures"]].index) & set(good[key].unique())
    answers = dict(list(good[good[key].isin(chosen)].groupby(key)))
    found = []
    for name, own in failures[failures[key].isin(chosen)].groupby(key, sort=True):
        found += _first_success(own, answers[name], key, rule)
    return found


def _first_success(own: pd.DataFrame, answers: pd.DataFrame, key: str, rule: Rule) -> list[Alarm]:
    """The first success of a source that its own failures lead up to."""
    starts, times = answers["seconds"].to_numpy(), own["seconds"].to_numpy()
    low = np.searchsorted(times, starts - rule.seconds("minutes"))
    high = np.searchsorted(times, starts + MINUTE)
    enough = np.flatnonzero(high - low >= rule["failures"])
    firsts = times[low[enough]]
    day_before = np.searchsorted(starts, firsts - rule["quiet_hours"] * HOUR)
    for place in enough[day_before == np.searchsorted(starts, firsts - MINUTE, side="right")]:
        answer, before = answers.iloc[place], own.iloc[low[place] : high[place]]
        # An address that was let in before is a person, and no part of what another does. In the same
        # minute it may have been let in by what the other found.
        first, last = before["seconds"].iloc[0] - MINUTE, answer["seconds"]
        known = set(answers.loc[answers["seconds"].between(first, last, inclusive="left"), "client"])
        before = before[~before["client"].isin(known - {answer["client"]})]
        if len(before) >= rule["failures"]:
            return [_let_in(before, answer, key, rule)]
    return []


def _let_in(before: pd.DataFrame, answer: "pd.Series[Any]", key: str, rule: Rule) -> Alarm:
    """The incident, under the address that was answered: it is who got in."""
    sure = (before["seconds"] < answer["seconds"]).sum() >= rule["failures"]
    text = f"{len(before)} failed logins"
    text += f" of {before['client'].nunique()} addresses of its network" if key == "network" else ""
    text += f", then an answer on {answer['route']}"
    text += "" if sure else " in the same minute: which came first is not known"
    text += ", which audit.toml does not declare a success" if answer["doubtful"] else ""
    return alarm(
        before,
        text,
        rule.severity if sure else "medium",
        client=str(answer["client"]),
        last_at=max(before["at"].iloc[-1], pd.Timestamp(answer["seconds"], unit="s", tz="UTC")),
        evidence=(*places(before), f"{answer['file']}:{answer['line']}"),
    )


def first_seen(traffic: Traffic, rule: Rule) -> list[Alarm]:
    """A8: the first login, or answer on a protected route, of a network not seen in the days before."""
    seen = traffic.requests[traffic.requests["client"].ne("")]
    if seen.empty:
        return []
    start = seen["seconds"].iloc[0] + rule["days"] * DAY
    good = seen[seen["let_in"] | seen["added"]].copy()
    good["pause"] = good["seconds"] - _last_seen(seen, good)
    fresh = good[good["seconds"].ge(start) & ~good["pause"].le(rule["days"] * DAY)]
    fresh = fresh.drop_duplicates("network").sort_values(["seconds", "network"], kind="stable")
    whole = [_first_answer(traffic, rule, row) for row in rows(fresh.head(MOST))]
    rest = fresh[["network", "seconds"]].iloc[MOST:].itertuples(index=False)
    return whole + [counted(network, seconds, 1) for network, seconds in rest]


def _first_answer(traffic: Traffic, rule: Rule, row: Any) -> Alarm:
    failures = traffic.failures
    tried = failures["network"].eq(row.network) & failures["at"].lt(row.at + pd.Timedelta(minutes=1))
    text = f"first answer on {row.route} to a network not seen for {rule['days']:.0f} days"
    text += f", after {tried.sum()} failed logins" if tried.any() else ""
    severity = "medium" if tried.sum() >= 5 else rule.severity
    evidence = (*dict.fromkeys(_places(failures[tried])), f"{row.file}:{row.line}")
    return Alarm(text, severity, 1, subject=row.network, first_at=row.at, last_at=row.at, evidence=evidence)


def _last_seen(seen: pd.DataFrame, good: pd.DataFrame) -> "pd.Series[float]":
    """When the network of each success succeeded or was seen last, before the day of it."""
    minutes = seen.drop_duplicates(["network", "seconds"]).sort_values(["network", "seconds"], kind="stable")
    # Tries of the last day belong to the same arrival: they do not make a network known.
    keys = good[["network", "seconds"]].assign(until=good["seconds"] - DAY)
    merged = pd.merge_asof(
        keys.sort_values("until", kind="stable").reset_index(),
        minutes[["network", "seconds"]]
        .rename(columns={"seconds": "last"})
        .sort_values("last", kind="stable"),
        left_on="until",
        right_on="last",
        by="network",
    )
    return merged.set_index("index")["last"].reindex(good.index)


def _places(failures: pd.DataFrame) -> list[str]:
    return [
        f"{file}:{line}"
        for file, line in zip(failures["file"].head(5), failures["line"].head(5), strict=True)
    ]

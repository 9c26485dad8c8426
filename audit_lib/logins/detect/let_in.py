"""Let in: a success after failures of the same address, or of several addresses of its network."""

from typing import Any

import pandas as pd

from audit_lib.logins.detect.incidents import MOST, Incident, counted_alone, incident, places
from audit_lib.logins.parameters import LetIn
from audit_lib.logins.traffic import Traffic, next_success

MINUTE, HOUR, DAY = 60, 3600, 86400


def find_let_in(traffic: Traffic, explained: "pd.Series[bool]") -> list[Incident]:
    """The successes of an address that its own failures lead up to, then those that its network's do.

    Successes are known by the minute: one in the minute of the last failure may be before it, and is said.
    """
    requests = traffic.requests[traffic.requests["client"].ne("")]
    failures = traffic.failures[~explained & traffic.failures["client"].ne("")]
    good = requests[requests["let_in"]]
    found, taken = _by_address(traffic, failures, good)
    if requests["added"].any():
        # What audit.toml declares finds more; a login that is declared there excuses nobody.
        more, also = _by_address(traffic, failures, requests[requests["let_in"] | requests["added"]])
        clients = {one.client for one in found}
        found += [one for one in more if one.client not in clients]
        taken = taken.union(also)
    return found + _by_network(traffic, failures.drop(taken), good)


def _by_address(
    traffic: Traffic, failures: pd.DataFrame, good: pd.DataFrame
) -> tuple[list[Incident], pd.Index]:
    rule = traffic.policy.let_in
    frame = failures.assign(answered=next_success(failures, good, "client"))
    chosen = _leading_up(frame, "client", rule)
    enough = chosen.groupby(["client", "answered"])["line"].transform("size")
    chosen = chosen[~chosen["known"] | enough.ge(rule.known)]
    return _incidents(traffic, chosen, good, "client"), chosen.index


def _by_network(traffic: Traffic, failures: pd.DataFrame, good: pd.DataFrame) -> list[Incident]:
    """An address that was let in before is a person, and no part of what another of its network does."""
    rule = traffic.policy.let_in
    frame = failures.assign(answered=next_success(failures, good, "network"))
    chosen = _leading_up(frame[~frame["known"]], "network", rule)
    groups = chosen.groupby(["network", "answered"])
    chosen = chosen[groups["client"].transform("nunique").gt(1)]
    first = chosen.groupby(["network", "answered"])["seconds"].transform("min")
    times = good[["network", "seconds"]].drop_duplicates().rename(columns={"seconds": "before"})
    asked = pd.DataFrame({"network": chosen["network"], "first": first - MINUTE}).sort_values("first")
    last = pd.merge_asof(asked, times, left_on="first", right_on="before", by="network")
    quiet = (last["first"] - last["before"]).le(rule.quiet_hours * HOUR).set_axis(asked.index)
    return _incidents(traffic, chosen[~quiet.reindex(chosen.index)], good, "network")


def _leading_up(frame: pd.DataFrame, key: str, rule: LetIn) -> pd.DataFrame:
    """The failures of a run that a success ends soon, if the run reaches a rung of the ladder."""
    frame = frame[frame["answered"].notna()]
    runs = [frame[key], frame["answered"]]
    last = frame["seconds"].groupby(runs).transform("max")
    enough = pd.Series(False, index=frame.index)
    for failures, minutes in rule.ladder:
        near = frame["seconds"].ge(last - minutes * MINUTE)
        enough |= near & near.groupby(runs).transform("sum").ge(failures)
    return frame[enough & (frame["answered"] - last).le(rule.minutes * MINUTE)]


def _incidents(traffic: Traffic, chosen: pd.DataFrame, good: pd.DataFrame, key: str) -> list[Incident]:
    """An incident for the first success of each source: what it does afterwards is its own doing."""
    chosen = chosen.sort_values(["seconds", "file", "line"], kind="stable")
    firsts = chosen.groupby(key)["answered"].transform("min")
    runs = [run for _, run in chosen[chosen["answered"].eq(firsts)].groupby(key)]
    runs.sort(key=lambda run: float(run["seconds"].iloc[0]))
    found = []
    for run in runs[:MOST]:
        first = run.iloc[0]
        answer = good[good[key].eq(first[key]) & good["seconds"].eq(first["answered"])].iloc[0]
        found.append(_success(traffic, run, answer, key))
    return found + [
        counted_alone(str(run[key].iloc[0]), run["seconds"].iloc[0], len(run)) for run in runs[MOST:]
    ]


def _success(traffic: Traffic, run: pd.DataFrame, answer: "pd.Series[Any]", key: str) -> Incident:
    """The incident, under the address that was answered: it is who got in."""
    rule, at = traffic.policy.let_in, float(run["answered"].iloc[0])
    network = run["network"].iloc[0]
    client = str(answer["client"]) if key == "network" else str(run["client"].iloc[0])
    several = f" of {run['client'].nunique()} addresses of its network" if key == "network" else ""
    words = [f"{len(run)} failures{several}, then let in on {answer['route']}"]
    sure = run["seconds"].lt(at).sum() >= rule.ladder[0][0]
    if not sure:
        words.append("in the same minute: which came first is not known")
    if answer["doubtful"]:
        words.append("audit.toml does not declare this a success")
    if is_new_network(traffic, network, run["seconds"].min()):
        words.append(f"its network was not seen in the {rule.days:.0f} days before")
    last = max(run["at"].iloc[-1], pd.Timestamp(at, unit="s", tz="UTC"))
    severity = "high" if not sure and rule.severity == "critical" else rule.severity
    evidence = (*places(run), f"{answer['file']}:{answer['line']}")
    return incident(run, "; ".join(words), severity, client=client, last_at=last, evidence=evidence)


def is_new_network(traffic: Traffic, network: str, at: float) -> bool:
    """Whether no request of a network is in the logs from so many days before until a day before an instant.

    Tries of the last day belong to the same arrival. Logs that do not reach so far back show nothing.
    """
    seconds = traffic.requests["seconds"]
    since = at - traffic.policy.let_in.days * DAY
    if seconds.empty or seconds.iloc[0] > since:
        return False
    own = traffic.requests.loc[traffic.requests["network"].eq(network), "seconds"]
    return not own.between(since, at - DAY).any()

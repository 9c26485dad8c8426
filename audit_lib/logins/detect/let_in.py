"""Let in: a success after failures of the same address, or of several addresses of its network."""

from typing import Any

import pandas as pd

from audit_lib.logins.detect.incidents import MOST, Incident, counted_alone, incident, places
from audit_lib.logins.traffic import Traffic, next_success

MINUTE, HOUR, DAY = 60, 3600, 86400


def find_let_in(traffic: Traffic, failures: pd.DataFrame) -> list[Incident]:
    """The successes of an address that its own failures lead up to, then those that its network's do.

    Successes are known by the minute: one in the minute of the last failure may be before it, and is said.
    """
    requests = traffic.requests[traffic.requests["client"].ne("")]
    found = _by_successes(traffic, failures, requests[requests["let_in"]])
    if requests["added"].any():
        # What audit.toml declares a success finds more, and excuses nobody.
        more = _by_successes(traffic, failures, requests[requests["let_in"] | requests["added"]])
        clients = {one.client for one in found}
        found += [one for one in more if one.client not in clients]
    return found


def _by_successes(traffic: Traffic, failures: pd.DataFrame, good: pd.DataFrame) -> list[Incident]:
    rule = traffic.policy.let_in
    own = _leading_up(traffic, failures, good, "client")
    many = own.groupby(["client", "answered"])["line"].transform("size").ge(rule.known)
    own = own[~own["known"] | many]
    # An address that was let in before is a person, and no part of what another of its network does.
    rest = failures[~failures["known"]].drop(own.index, errors="ignore")
    shared = _leading_up(traffic, rest, good, "network")
    shared = shared[shared.groupby(["network", "answered"])["client"].transform("nunique").gt(1)]
    shared = shared[~_used_lately(shared, good, rule.quiet_hours * HOUR)]
    return _incidents(traffic, own, good, "client") + _incidents(traffic, shared, good, "network")


def _leading_up(traffic: Traffic, failures: pd.DataFrame, good: pd.DataFrame, key: str) -> pd.DataFrame:
    """The failures of a run that a success ends soon, if the run reaches a rung of the ladder."""
    frame = failures.assign(answered=next_success(failures, good, key))
    frame = frame[frame["answered"].notna() & frame["client"].ne("")]
    runs = [frame[key], frame["answered"]]
    last = frame["seconds"].groupby(runs).transform("max")
    enough = pd.Series(False, index=frame.index)
    for number, minutes in traffic.policy.let_in.ladder:
        near = frame["seconds"].ge(last - minutes * MINUTE)
        enough |= near & near.groupby(runs).transform("sum").ge(number)
    return frame[enough & (frame["answered"] - last).le(traffic.policy.let_in.minutes * MINUTE)]


def _used_lately(chosen: pd.DataFrame, good: pd.DataFrame, seconds: float) -> "pd.Series[bool]":
    """Which failures are of a network that was let in within so many seconds before the first of them."""
    first = chosen.groupby(["network", "answered"])["seconds"].transform("min") - MINUTE
    asked = pd.DataFrame({"network": chosen["network"], "first": first}).sort_values("first")
    times = good[["network", "seconds"]].drop_duplicates().astype({"network": asked["network"].dtype})
    last = pd.merge_asof(asked, times, left_on="first", right_on="seconds", by="network")
    lately = (last["first"] - last["seconds"]).le(seconds).set_axis(asked.index)
    return lately.reindex(chosen.index).astype(bool)


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
    rest = (run for run in runs[MOST:])
    return found + [counted_alone(str(run[key].iloc[0]), run["seconds"].iloc[0], len(run)) for run in rest]


def _success(traffic: Traffic, run: pd.DataFrame, answer: "pd.Series[Any]", key: str) -> Incident:
    """The incident, under the address that was answered: it is who got in."""
    rule, at = traffic.policy.let_in, float(answer["seconds"])
    several = f" of {run['client'].nunique()} addresses of its network" if key == "network" else ""
    sure = run["seconds"].lt(at).sum() >= rule.ladder[0][0]
    new = is_new_network(traffic, str(answer["network"]), run["seconds"].min())
    words = {
        f"{len(run)} failures{several}, then let in on {answer['route']}": True,
        "in the same minute: which came first is not known": not sure,
        "audit.toml does not declare this a success": answer["doubtful"],
        f"its network was not seen in the {rule.days:.0f} days before": new,
    }
    return incident(
        run,
        "; ".join(word for word, holds in words.items() if holds),
        "high" if not sure and rule.severity == "critical" else rule.severity,
        client=str(answer["client"]),
        last_at=max(run["at"].iloc[-1], pd.Timestamp(at, unit="s", tz="UTC")),
        evidence=(*places(run), f"{answer['file']}:{answer['line']}"),
    )


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

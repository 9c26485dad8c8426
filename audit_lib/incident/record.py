"""The record of an incident: its instants, as evidence bounds them, its cause and what was done."""

import pandas as pd

from audit_lib.base.clock import briefly, iso
from audit_lib.base.frames import rows
from audit_lib.base.in_words import NOT_KNOWN
from audit_lib.incident.explanations import USED, best_explanation
from audit_lib.incident.exposure_windows import span, tabulate_exposure_windows, tabulate_uses
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.steps import tabulate_steps
from audit_lib.incident.timeline import tabulate_timeline
from audit_lib.logins.requests import Window, maybe_within


def tabulate_record(investigation: Investigation) -> pd.DataFrame:
    """One row for each field: `field`, `value`, `evidence`. A field that nothing proves says so."""
    first = next(iter(rows(windows_concerned(investigation))), None)
    replaced = None if first is None or first.open else first
    after = _after(investigation, first.secret if first else "", replaced.ends_by if replaced else "")
    best = best_explanation(investigation)
    fields = [
        ("id", investigation.name, ""),
        ("secret", first.secret if first else investigation.secret or NOT_KNOWN, ""),
        ("exposed", _at(first.begins_at) if first else NOT_KNOWN,
         first.begins_by if first else "no exposure window"),
        ("discovered", *_discovered(investigation)),
        ("revoked", *_revoked(investigation, first.fingerprint if first else "")),
        ("replaced",
         _at(replaced.ends_earliest_at, "after ") if replaced
         else "not yet, as far as is known" if first else NOT_KNOWN,
         replaced.ends_by if replaced else (first.ends_by if first else "")),
        ("in effect", _at(replaced.ends_at) if replaced else NOT_KNOWN, replaced.ends_by if replaced else ""),
        ("validated", after or NOT_KNOWN, "a snapshot of the new value after it took effect"),
        ("deploys", *deploys_in_words(investigation)),
        ("root cause", f"{best.name} ({best.verdict})" if best else NOT_KNOWN,
         "; ".join(best.speaks_for) if best else "nothing that was read speaks for an explanation"),
        ("actions", "; ".join(tabulate_steps(investigation)["action"]), "the steps above, in order"),
    ]  # fmt: skip
    return pd.DataFrame(fields, columns=["field", "value", "evidence"])


def windows_concerned(investigation: Investigation) -> pd.DataFrame:
    """The exposure windows that are looked into: of a secret that is named, or leaked and used."""
    best = best_explanation(investigation)
    used = best is not None and best.name == USED
    windows = tabulate_exposure_windows(investigation)
    return windows if investigation.secret or used else windows.iloc[:0]


def exposed_uses(investigation: Investigation) -> pd.DataFrame:
    """`Uses` of the first exposure window; if there is none, of the window that is looked at."""
    return tabulate_uses(investigation, first_exposed(investigation)[1])


def first_exposed(investigation: Investigation) -> tuple[str, Window]:
    """The first exposure window and its secret; the window that is looked at and "" if there is none."""
    for row in rows(windows_concerned(investigation)):
        return str(row.secret), span(row, investigation.as_of)
    return "", investigation.window


def _discovered(investigation: Investigation) -> tuple[str, str]:
    """When it was seen first, as somebody says; else the instant as of which it is looked at."""
    if investigation.discovered:
        return investigation.discovered, "as given (discovered): a claim"
    return f"opened as of {iso(investigation.as_of)}", "nobody said when it was first seen: set `discovered`"


def _revoked(investigation: Investigation, fingerprint: str) -> tuple[str, str]:
    """The first record that the value was revoked, and who says so."""
    said = [one for one in investigation.revocations if one.fingerprint == fingerprint]
    if said:
        first = min(said, key=lambda one: (one.until, one.place))
        return first.when, first.said
    return (
        NOT_KNOWN,
        "no provider was asked, and nobody recorded it: record SECRET --revoked previous --proof …",
    )


def _after(investigation: Investigation, secret: str, ends_by: str) -> str:
    """The last snapshot that saw the new value, if there was a rotation."""
    looks = [stay.last for stay in investigation.tenures if stay.home.secret == secret and stay.gone is None]
    return iso(max(look.at for look in looks)) if ends_by and looks else ""


def _at(instant: object, before: str = "") -> str:
    return NOT_KNOWN if instant is None else f"{before}{iso(instant)}"  # type: ignore[arg-type]


def deploys_in_words(investigation: Investigation) -> tuple[str, str]:
    """How many deploys there were, and by what; of the time that no list covers nothing is known."""
    if investigation.deploys.empty:
        return _starts(tabulate_timeline(investigation))
    bounds = investigation.deploys.rename(columns={"began_at": "not_before_at", "ended_at": "not_after_at"})
    here = bounds.assign(near=maybe_within(bounds, investigation.window))
    told = []
    for names, listed in here.groupby(["environment", "service"]):
        place = "/".join(name for name in map(str, names) if name) or "(place not named)"
        inside = listed.loc[listed["near"], "outcome"].value_counts().sort_index()
        counts = ", ".join(f"{count} {outcome}" for outcome, count in inside.items()) or "none"
        told.append(f"{place}: {counts}{_outside(listed, investigation)}")
    return "; ".join(told), "; ".join(sorted(set(investigation.deploys["file"])))


def _outside(listed: pd.DataFrame, investigation: Investigation) -> str:
    """Which parts of the window the list of a place does not cover."""
    first, last = listed["not_before_at"].min(), listed["not_before_at"].max()
    silent = [f"before {briefly(first, investigation.as_of)}"] if first > investigation.window.since else []
    silent += [f"after {briefly(last, investigation.as_of)}"] if last < investigation.window.until else []
    return f"; nothing is known {' and '.join(silent)}" if silent else ""


def _starts(timeline: pd.DataFrame) -> tuple[str, str]:
    """The starts in the logs: the nearest to a deploy if there is no list."""
    starts = list(rows(timeline[timeline["kind"].isin(("boot", "failed start"))]))
    without = "no deploy list was read: export one and name it in audit.toml ([[deploys]])"
    if not starts:
        return "not known: the logs show no start, and no deploy list was exported", without
    return f"starts in the logs (boot): {len(starts)}; whether one was a deploy is not known", without

"""The record of an incident: its instants, as evidence bounds them, its cause and what was done."""

import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.base.contracts import rows
from audit_lib.incident.deploys import deploys_in_words
from audit_lib.incident.explanations import tabulate_explanations
from audit_lib.incident.exposure_windows import tabulate_exposure_windows
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.steps import tabulate_steps

NOT_KNOWN = "not known"


def tabulate_record(investigation: Investigation) -> pd.DataFrame:
    """One row for each field: `field`, `value`, `evidence`. A field that nothing proves says so."""
    first = next(iter(rows(windows_concerned(investigation))), None)
    replaced = None if first is None or first.open else first
    after = _after(investigation, first.secret if first else "", replaced.ends_by if replaced else "")
    best = tabulate_explanations(investigation).iloc[0]
    explained = best["verdict"] in ("likely", "possible")
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
        ("root cause", f"{best['explanation']} ({best['verdict']})" if explained else NOT_KNOWN,
         best["speaks_for"] if explained else "nothing that was read speaks for an explanation"),
        ("actions", "; ".join(tabulate_steps(investigation)["action"]), "the steps above, in order"),
    ]  # fmt: skip
    return pd.DataFrame(fields, columns=["field", "value", "evidence"])


def windows_concerned(investigation: Investigation) -> pd.DataFrame:
    """The exposure windows that are looked into: of a secret that is named, or leaked and used."""
    best = tabulate_explanations(investigation).iloc[0]
    used = best["explanation"] == "leaked and used" and best["verdict"] in ("likely", "possible")
    windows = tabulate_exposure_windows(investigation)
    return windows if investigation.secret or used else windows.iloc[:0]


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

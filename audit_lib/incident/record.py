"""The record of an incident: its instants, as evidence bounds them, its cause and what was done."""

import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.base.contracts import rows
from audit_lib.incident.data import Scene

NOT_KNOWN = "not known"


def record_frame(  # noqa: PLR0917  what a record is made of
    name: str,
    scene: Scene,
    windows: pd.DataFrame,
    explanations: pd.DataFrame,
    steps: pd.DataFrame,
    deploys: tuple[str, str],
    discovered: str,
) -> pd.DataFrame:
    """One row for each field: `field`, `value`, `evidence`. A field that nothing proves says so."""
    first = next(iter(rows(windows)), None)
    best = explanations.iloc[0]
    replaced = None if first is None or first.open else first
    after = _after(scene, first.secret if first else "", replaced.ends_by if replaced else "")
    fields = [
        ("id", name, ""),
        ("secret", first.secret if first else scene.secret or NOT_KNOWN, ""),
        (
            "exposed",
            _at(first.begins_at) if first else NOT_KNOWN,
            first.begins_by if first else "no exposure window",
        ),
        ("discovered", *_discovered(scene, discovered)),
        ("revoked", *_revoked(scene, first.fingerprint if first else "")),
        ("replaced",
         _at(replaced.ends_earliest_at, "after ") if replaced
         else "not yet, as far as is seen" if first else NOT_KNOWN,
         replaced.ends_by if replaced else (first.ends_by if first else "")),
        ("in effect", _at(replaced.ends_at) if replaced else NOT_KNOWN, replaced.ends_by if replaced else ""),
        ("validated", after or NOT_KNOWN, "a look at the new value after it took effect"),
        ("deploys", *deploys),
        ("root cause", f"{best['explanation']} ({best['verdict']})", best["speaks_for"]),
        ("actions", "; ".join(steps["action"]), "the steps above, in order"),
    ]  # fmt: skip
    return pd.DataFrame(fields, columns=["field", "value", "evidence"])


def _discovered(scene: Scene, discovered: str) -> tuple[str, str]:
    """When it was seen first, as somebody says; else the instant as of which the investigation was opened."""
    if discovered:
        return discovered, "as given (discovered): a claim"
    return f"opened as of {iso(scene.as_of)}", "when it was seen first nobody said: give discovered"


def _revoked(scene: Scene, fingerprint: str) -> tuple[str, str]:
    """The first record that the value was revoked, and who says so."""
    said = [one for one in scene.revocations if one.fingerprint == fingerprint]
    if said:
        first = min(said, key=lambda one: (one.until, one.place))
        return first.when, first.said
    return (
        NOT_KNOWN,
        "no provider is asked, and no record says so: record SECRET --revoked previous --proof …",
    )


def _after(scene: Scene, secret: str, ends_by: str) -> str:
    """The last look that saw the new value, where there was a rotation."""
    looks = [stay.last for stay in scene.stays if stay.home.secret == secret and stay.gone is None]
    return iso(max(look.at for look in looks)) if ends_by and looks else ""


def _at(instant: object, before: str = "") -> str:
    return NOT_KNOWN if instant is None else f"{before}{iso(instant)}"  # type: ignore[arg-type]

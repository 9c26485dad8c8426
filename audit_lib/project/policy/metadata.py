"""Who answers for a secret and why it is as it is: the policy's fields on a secret as an asset.

Source: the OWASP Secrets Management Cheat Sheet, 2.11, on the metadata of a secret.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from audit_lib.base.clock import parse_instant
from audit_lib.base.errors import BadInput
from audit_lib.base.toml_table import TomlTable, shown_name


@dataclass(frozen=True)
class SecretMetadata:
    """Each field is "" if the policy does not say."""

    purpose: str = ""
    owner: str = ""
    reach: str = ""  # what it can do
    reviewed: str = ""  # the date of the owner's last review
    reason: str = ""  # of its period


def read_metadata(table: TomlTable, under: SecretMetadata | None = None) -> SecretMetadata:
    """The fields that a table gives, over those below; each fault is noted there."""
    given = under or SecretMetadata()
    made = SecretMetadata(
        **{name: table.text(name, getattr(given, name)) for name in SecretMetadata.__dataclass_fields__}
    )
    if made.reviewed:
        try:
            parse_instant(made.reviewed, table.place)
        except BadInput as error:
            table.fault(f"reviewed {error.faults[0].text}")
            return replace(made, reviewed="")
    return made


def metadata_by_name(table: TomlTable, under: Mapping[str, SecretMetadata]) -> dict[str, SecretMetadata]:
    """Each variable's fields with what `[metadata.NAME]` adds to them: a policy so names the owners of
    secrets whose rules it takes over from another.
    """
    given = table.anything("metadata") if table.has("metadata") else {}
    if not isinstance(given, dict) or not all(isinstance(one, dict) for one in given.values()):
        table.fault("metadata must hold tables [metadata.NAME]")
        return dict(under)
    for name in sorted(given.keys() - under.keys()):
        table.fault(f"metadata.{shown_name(name)} must name a variable of the policy")
    found = dict(under)
    for name in sorted(given.keys() & under.keys()):
        own = TomlTable(given[name], f"{table.place}: metadata.{name}", table.faults)
        found[name] = read_metadata(own, under[name])
        own.close()
    return found

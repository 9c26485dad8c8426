"""What a policy says around a secret: what reads it ([[consumer]]), who answers for it, why it is as it is.

Source: the OWASP Secrets Management Cheat Sheet, 2.11, on the metadata of a secret as an asset.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from audit_lib.base.clock import parse_instant
from audit_lib.base.errors import BadInput
from audit_lib.base.toml_table import TomlTable, shown_name

RUNTIMES = ("process", "container", "serverless", "static build", "provider")
REFRESHES = ("restart", "rebuild", "reload", "never")


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


@dataclass(frozen=True)
class Consumer:
    """What reads a secret. Each field but the name is "" if the policy does not say."""

    name: str
    runtime: str = ""  # one of RUNTIMES
    refresh: str = ""  # one of REFRESHES; never: somebody enters the new value there by hand
    verify: str = ""  # how to see that it works with the new value
    owner: str = ""
    documentation: str = ""


def read_consumers(table: TomlTable) -> tuple[Consumer, ...]:
    """The consumers of a policy's table, in its order; each fault is noted there."""
    found = tuple(_consumer(inner) for inner in table.tables("consumer"))
    names = [one.name for one in found]
    for name in sorted({name for name in names if name and names.count(name) > 1}):
        table.fault(f"has consumer {shown_name(name)} twice")
    return found


def _consumer(table: TomlTable) -> Consumer:
    consumer = table.filled(Consumer, {"runtime": RUNTIMES, "refresh": REFRESHES})
    table.close()
    return consumer

"""The policy's [[consumer]]: what reads a secret, and how it comes to use a new value."""

from dataclasses import dataclass

from audit_lib.base.toml_table import TomlTable, shown_name

RUNTIMES = ("process", "container", "serverless", "static build", "provider")
REFRESHES = ("restart", "rebuild", "reload", "never")


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

"""TOML files taken apart key by key, so that all faults of a file are reported at once."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any, TypeVar

from audit_lib.base.bounded import shown_name
from audit_lib.base.errors import Fault

Made = TypeVar("Made")
LARGEST = 100_000  # of numbers: of days nearly three centuries
MOST_TABLES = 2_000  # of one list


class TomlTable:
    """One table: each key is taken once, each fault is noted, and what was never taken is unknown."""

    def __init__(self, values: dict[str, Any], place: str, faults: list[Fault]) -> None:
        self.values = values
        self.place = place
        self.faults = faults
        self._taken: set[str] = set()

    def fault(self, text: str) -> None:
        """Note a fault at this table."""
        self.faults.append(Fault(self.place, text))

    def has(self, key: str) -> bool:
        """Whether the key is there at all."""
        return key in self.values

    def _take(self, key: str, kind: type, words: str, default: Any) -> Any:
        self._taken.add(key)
        value = self.values.get(key, default)
        # Not isinstance: true is no number here.
        if key in self.values and type(value) is not kind:
            self.fault(f"{key} must be {words}")
            return default
        return value

    def text(self, key: str, default: str = "", *, needed: bool = False, among: Sequence[str] = ()) -> str:
        """A text; a fault if it is needed and missing or empty, or none of those allowed."""
        value: str = self._take(key, str, "a text", default)
        if needed and self.values.get(key, "") == "":
            self.fault(f"has no {key}")
        elif among and value and value not in among:
            self.fault(f"{key} must be one of {', '.join(among)}")
            return default
        return value

    def texts(self, key: str, among: Sequence[str] = ()) -> tuple[str, ...]:
        """A list of texts, none of them empty and none twice."""
        values = self._take(key, list, "a list", [])
        if not all(isinstance(value, str) and value for value in values):
            self.fault(f"{key} must hold texts that are not empty")
            return ()
        if len(set(values)) < len(values):
            self.fault(f"{key} contains something twice")
        if among and not set(values) <= set(among):
            self.fault(f"{key} must hold only {', '.join(among)}")
            return ()
        return tuple(values)

    def number(self, key: str, default: int | None, least: int = 0, most: int = LARGEST) -> int | None:
        """A whole number from `least` to `most`."""
        value: int | None = self._take(key, int, "a whole number", default)
        if value is not None and key in self.values and not least <= value <= most:
            self.fault(f"{key} must be from {least} to {most}")
            return default
        return value

    def flag(self, key: str) -> bool:
        """True or false; false if the key is missing."""
        return bool(self._take(key, bool, "true or false", False))

    def tables(self, key: str, name_key: str = "name") -> list["TomlTable"]:
        """The tables of a list `[[key]]`, each with its number and name for a place."""
        values = self._take(key, list, f"a list of tables [[{key}]]", [])
        if len(values) > MOST_TABLES:
            self.fault(f"{key} has more than {MOST_TABLES:,} tables")
        found = []
        for number, value in enumerate(values[:MOST_TABLES], 1):
            place = f"{self.place}: {key} #{number}"
            if not isinstance(value, dict):
                self.faults.append(Fault(place, "is not a table"))
                continue
            name = value.get(name_key)
            known = isinstance(name, str) and re.fullmatch(r"[\w./*-]{1,80}", name)
            label = f" ({name})" if known else ""
            found.append(TomlTable(value, place + label, self.faults))
        return found

    def anything(self, key: str) -> Any:
        """A value as it is, for a table that another module checks."""
        self._taken.add(key)
        return self.values.get(key)

    def filled(
        self, made: type[Made], among: Mapping[str, Sequence[str]] | None = None, /, **given: Any
    ) -> Made:
        """A dataclass of which each field that is not given is read under its own name, by its type.

        A text without a default is needed. `among` has the only words of a field.
        """
        for one in fields(made):  # type: ignore[arg-type]  # a dataclass has no type of its own
            if one.name in given:
                continue
            default: Any = None if one.default is MISSING else one.default
            words = (among or {}).get(one.name, ())
            if one.type is bool:
                given[one.name] = self.flag(one.name)
            elif one.type is int:
                given[one.name] = self.number(one.name, default)
            elif one.type is str:
                given[one.name] = self.text(one.name, default or "", needed=default is None, among=words)
            else:
                given[one.name] = self.texts(one.name, words)
        return made(**given)

    def close(self) -> None:
        """Note each key that nothing asked for: a misspelt key would otherwise be silence."""
        for key in self.values:
            if key not in self._taken:
                self.fault(f"has an unknown key {shown_name(key)}")

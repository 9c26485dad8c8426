"""Results of other scanners in SARIF: their values, and the places of those that are not given."""

import re
from pathlib import Path
from urllib.parse import unquote

from pydantic import AliasPath, BaseModel, Field, ValidationError

from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.files import NotSearched, read_source
from audit_lib.base.in_words import counted
from audit_lib.leaks.rules import Rules, Shape
from audit_lib.leaks.sources import Reading
from audit_lib.leaks.targets import weakness

_LARGEST = 64 << 20  # bytes
_MOST_FAULTS = 20  # that are listed
_PLACE = ("locations", 0, "physicalLocation")


class _Result(BaseModel):
    rule: str = Field(validation_alias="ruleId", min_length=1)
    path: str = Field(validation_alias=AliasPath(*_PLACE, "artifactLocation", "uri"), min_length=1)
    line: int = Field(0, validation_alias=AliasPath(*_PLACE, "region", "startLine"))
    text: str = Field("", validation_alias=AliasPath(*_PLACE, "region", "snippet", "text"))


class _Run(BaseModel):
    results: list[_Result] | None = None


class _Report(BaseModel):
    runs: list[_Run]


def read_reports(files: tuple[Path, ...], rules: Rules, reading: Reading) -> dict[Shape, tuple[str, int]]:
    """The values of all results, which the keeper holds, each with its first path and line; a result without
    its value is left out, since nobody can say where that is or whether it is in force.

    Raises `BadInput` for files that cannot be read or are no SARIF, and for results without a rule or place.
    """
    found: dict[tuple[str, str], str] = {}  # by rule and text the fingerprint
    places: dict[Shape, tuple[str, int]] = {}
    faults: list[Fault] = []
    for file in files:
        content = read_source(file.parent, file.name, _LARGEST).content
        try:
            runs = _Report.model_validate_json(content.removeprefix(b"\xef\xbb\xbf")).runs
        except ValidationError as error:
            listed = error.errors(include_url=False, include_context=False, include_input=False)
            faults += [Fault(".".join(map(str, (file, *fault["loc"]))), fault["msg"]) for fault in listed]
            continue
        for one in (result for run in runs for result in run.results or ()):
            key, reading.count = (one.rule, one.text), reading.count + 1
            found[key] = found[key] if key in found else _fingerprint(one.text, rules)
            place = (unquote(one.path.removeprefix("file://")), one.line)
            if found[key]:
                places.setdefault(Shape(found[key], "", one.rule), place)
            else:
                why = f"reported by {one.rule}; the report does not hold its value"
                reading.left_out.append(NotSearched(f"{place[0]}:{one.line}", why))
    if len(faults) > _MOST_FAULTS:
        faults[_MOST_FAULTS:] = [Fault("--import", counted(len(faults) - _MOST_FAULTS, "more fault"))]
    if faults:
        raise BadInput(faults)
    return places


def _fingerprint(text: str, rules: Rules) -> str:
    """The value in a text: what looks like one, else the text if it is a word; "" for none, or several."""
    if not text or re.search(r"(?i)redact|\*\*\*|\.\.\.$|…|^<.*>$", text):
        return ""
    found = {shape.fingerprint for shape in rules.find(text.encode())}
    if not found and re.fullmatch(r"\S{8,4096}", text):
        found = {rules.keeper.take(text)}
    value = found.pop() if len(found) == 1 else ""
    return value if value and not weakness(value, rules.keeper) else ""

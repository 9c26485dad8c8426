"""JSON as it is published: two spaces, the writer's order, a newline at the end."""

import json
from collections.abc import Mapping
from typing import Any


def to_json(content: Mapping[str, Any]) -> str:
    """The text of a JSON file; a number that is not finite raises ValueError."""
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

"""What a reader sees of an audit: verdict, first screen, figures, page, exports, publishing."""

import sys

# Through nbformat comes jsonschema, which reads grammars of IRIs and durations if it can: they are of no use.
sys.modules.update(dict.fromkeys(("rfc3987_syntax", "isoduration")))  # type: ignore[arg-type]

CHANNEL = "AUDIT_CHANNEL"  # names in a kernel's environment the descriptor that connects it to its command

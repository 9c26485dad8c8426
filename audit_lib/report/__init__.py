"""What a reader sees of an audit: verdict, first screen, figures, page, exports, publishing."""

import sys

# Through nbformat comes jsonschema, which builds a grammar of IRIs when it can: two seconds of no use.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

CHANNEL = "AUDIT_CHANNEL"  # names in a kernel's environment the descriptor that connects it to its command

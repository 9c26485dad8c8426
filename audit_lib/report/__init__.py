"""What a reader sees of an audit: verdict, first screen, figures, page, exports, publishing."""

CHANNEL = "AUDIT_CHANNEL"  # names in a kernel's environment the descriptor that connects it to its command

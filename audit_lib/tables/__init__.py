"""Frames computed from what was read; the policy enters here, as columns."""

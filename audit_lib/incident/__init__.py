"""From a window to its timeline, explanations and steps."""

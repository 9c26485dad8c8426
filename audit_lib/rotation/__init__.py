"""How secrets are checked at start-up, made, rotated and recorded: `runbook` plans, `progress` checks."""

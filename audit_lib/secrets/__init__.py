"""From an env file to inventory, drift, evidence and age."""

"""The severities of a finding, from the mildest to the gravest. Free of pandas: policies need them early."""

SEVERITIES = ("info", "low", "medium", "high", "critical")

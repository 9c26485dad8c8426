"""From counts to failed logins: who failed, seven detections, the alerts, and what the logs would have shown.

Begin with `traffic`. *none* and *quiet* are said only by the facts of `coverage`.
"""

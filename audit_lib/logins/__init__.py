"""From counts to failed logins: who failed, seven detections, the alerts, and what the logs would have shown.

Begin with `requests`, which says what a request on a protected route is, and `parameters`, which the policy
may change. `detect` judges a period, `alerts` the time since an instant; both say *none* or *quiet* only by
the facts of `coverage`.
"""

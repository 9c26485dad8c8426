"""From counts to failed logins: who failed, the detections A1-A20, the alerts.

Begin with `requests`, which says what a request on a protected route is, and `declared`, which logins there
are. `detections` judges a period, `alerts` the time since an instant; `clients` tells addresses apart.
"""

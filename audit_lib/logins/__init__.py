"""From counts to failed logins: who failed, the detections A1-A20, the alerts."""

"""Failed logins, seven detections, alerts. Begin with `traffic`; *none* and *quiet* rest on `coverage`."""

"""What a reader sees: tables, figures, page, records.

Begin with `headline`, `key_figures` and `first_screen`, the top of a review's page, and `sections`, its
folds; of an incident with `incident_screen` and `incident_sections`. What they show is a `table`, a `block`
or a figure of `svg`, and each text of it passes `escape`. `publish` runs the notebook and publishes the rest.
"""

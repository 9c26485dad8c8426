"""Every check over its table, as one list of findings, with what people decided about each.

Begin with `checks.toml` and `conditions`, which say what is a fault, and `find`, which applies them.
`decisions` adds owner, due day and acceptance; `changes` compares with the last report, `reviews` reads it.
"""

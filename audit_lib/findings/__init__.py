"""Every check over its table, as one list.

Begin with `check`, which says what a check is, and `find`, which applies those of `checks`. `changes` and
`register` compare findings with those of `last_review`; `rules_in_force`, `rule_levers` and `rule_changes` do
so with what was judged by.
"""

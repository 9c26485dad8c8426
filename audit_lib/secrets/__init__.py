"""From an env file to inventory, drift, evidence and age.

Begin with `ProjectRead`, which goes through it in order: `sources`, each read as one of `loaders` does, then
`inventory`, `drift`, `evidence` and `ages`. `population` is about who knows a variable at all.
"""

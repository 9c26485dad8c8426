"""How secrets are checked at start-up, made, rotated and recorded, so that the next review can prove it.

Begin with `scope`, what a rotation touches, and `plan`, which has its steps (`runbook`) and its `progress`.
`change` writes env files; `validation` is for the start of a service, `schedule` for what falls due.
"""

"""A file of log formats of one's own, of one line alone."""

OWN_FORMATS = """
[[prefix]]
name = "bracketed"
template = "[{time}] "
examples = ["[2026-08-01T10:00:00Z] x"]
counter_examples = ["x"]

[[body]]
name = "denied"
template = "DENIED {client}"
status = 401
examples = ["DENIED 203.0.113.9"]
counter_examples = ["DENIED"]

[[message]]
name = "started"
kind = "notice"
template = "started"
examples = ["started"]
counter_examples = ["stopped"]

[json]
time = ["time"]
text = ["message"]
status = ["status"]
client = ["client"]
method = ["method"]
path = ["path"]
level = ["level"]
labels = ["labels"]
foreign = ["headers"]
examples = ['{"message":"x"}']
counter_examples = ['{']

[query]
secret_parameters = ["token"]
"""

"""The columns of the frames about secrets and their ages."""

import pandas as pd

from audit_lib.base.frames import Contract, Field, Instant, Series

FRESHNESS = ("fresh", "due", "overdue", "unknown", "exempt")


class Inventory(Contract):
    """One row for each variable, environment and service that a policy expects or a source holds."""

    secret: Series[str]  # the policy's name for it, or the variable's own
    variable: Series[str]  # as it stands in the source
    environment: Series[str]
    service: Series[str]
    kind: Series[str]  # secret | identifier | setting | unlisted
    required: Series[str]  # the policy's requirement; "" for what is not in it
    demanded: Series[bool]  # … and it holds in this environment (SecretRule.required_in)
    missing_severity: Series[str]  # of the rule; "" for what is not in the policy
    exposure_severity: Series[str]  # of the rule; "" leaves it to the check
    fallback: Series[str]  # what the application does without it; "" where the policy does not say
    renewal: Series[str]  # the command that makes a new value, or where one is got; "" where not said
    component: Series[str]  # whole | password
    state: Series[str] = Field(isin=("present", "empty", "missing", "not supplied"))
    source: Series[str]
    line: Series[pd.Int64Dtype] = Field(nullable=True)
    origin: Series[str]  # env file | export | given values
    loader: Series[str]  # whose reading the value is; "" if all that may read it agree, or there is none
    whole: Series[str] = Field(nullable=True)  # the fingerprint of all of the value, such as a URL …
    fingerprint: Series[str] = Field(nullable=True)  # … and of the component that is the secret
    placeholder: Series[pd.BooleanDtype] = Field(nullable=True)  # null: no value to judge
    compromised: Series[pd.BooleanDtype] = Field(nullable=True)  # equals a value known to be public
    template: Series[pd.BooleanDtype] = Field(nullable=True)  # equals the value of an example file
    length: Series[str]  # ok | short | below good | "" where not judged
    min_length: Series[pd.Int64Dtype] = Field(nullable=True)
    good_length: Series[pd.Int64Dtype] = Field(nullable=True)
    format: Series[str]  # the format's name, "" where the policy states none
    format_ok: Series[pd.BooleanDtype] = Field(nullable=True)
    usual_format: Series[str]  # what the provider is known to issue, "" where the policy states none
    usual_format_ok: Series[pd.BooleanDtype] = Field(nullable=True)  # as the provider issues it
    forbidden_format_ok: Series[pd.BooleanDtype] = Field(nullable=True)  # false: a live or admin key
    classes_ok: Series[pd.BooleanDtype] = Field(nullable=True)  # kinds of characters, or enough bits
    default_ok: Series[pd.BooleanDtype] = Field(nullable=True)  # false: works, and everyone knows it
    expected_ok: Series[pd.BooleanDtype] = Field(nullable=True)  # a setting's exact value
    url_ok: Series[pd.BooleanDtype] = Field(nullable=True)  # false: two parsers read two passwords
    strength_bits: Series[float] = Field(nullable=True)  # an upper estimate, rounded down
    public: Series[bool]  # by prefix or by policy
    max_age_days: Series[pd.Int64Dtype] = Field(nullable=True)
    period_stated: Series[bool]  # the guide gives this period; else it is the policy's default


class Evidence(Contract):
    """One row for each piece of evidence of a secret's age: the true instant R satisfies lo < R <= hi."""

    secret: Series[str]
    environment: Series[str]
    service: Series[str]
    kind: Series[str]  # E1 … E19 of docs/evidence.md#kinds-of-evidence
    # bound: bounds the tenure. return: the value was in force here before, with another one between.
    # sighting: the value was seen elsewhere. claim: bounds nothing. left out: dated after as_of.
    role: Series[str] = Field(isin=("bound", "return", "sighting", "claim", "left out"))
    lo_at: Series[Instant] = Field(nullable=True)  # null: minus infinity
    hi_at: Series[Instant] = Field(nullable=True)  # null: plus infinity
    source: Series[str]  # place: ledger writer and entry, file, commit
    observed_at: Series[Instant]
    text: Series[str]  # for a reader


class Freshness(Contract):
    """One row for each secret in each environment: how old it is, as an interval, and what follows.

    The tenure clock runs since the value is in force here, or was seen anywhere before that.
    """

    secret: Series[str]
    environment: Series[str]
    service: Series[str]
    status: Series[str] = Field(isin=FRESHNESS)
    # In whole days, rounded outwards: on the tenure clock at least so old (null: not known) …
    age_days_min: Series[float] = Field(nullable=True)
    age_days_max: Series[float] = Field(nullable=True)  # … and at most so old; null: no bound
    max_age_days: Series[pd.Int64Dtype] = Field(nullable=True)
    period_stated: Series[bool]  # somebody gives this period; else it is the policy's default
    strict_max_age_days: Series[pd.Int64Dtype] = Field(nullable=True)  # the guide's one period for all
    strict_status: Series[str] = Field(isin=("", *FRESHNESS))  # by that one; "" where it states none
    overdue_from_at: Series[Instant] = Field(nullable=True)  # provably overdue from
    possibly_overdue_from_at: Series[Instant] = Field(nullable=True)
    lo_at: Series[Instant] = Field(nullable=True)
    hi_at: Series[Instant] = Field(nullable=True)
    lo_evidence: Series[str]  # the binding evidence on that side, "" where there is none
    hi_evidence: Series[str]
    reason: Series[str]  # of unknown: no evidence | straddles | conflict | reviewed late | not supplied
    next_evidence: Series[str]  # the cheapest evidence that would decide
    conflict: Series[bool]
    claimed_not_done: Series[bool]  # a rotation was recorded, the value did not change
    rotated_back: Series[bool]  # the value was in force before, another one between
    unrecorded_rotation: Series[bool]


class Drift(Contract):
    """One row for each pair of places that hold the same or, where they must be equal, another value."""

    secret: Series[str]
    environment: Series[str]
    service: Series[str]
    other_secret: Series[str]
    other_environment: Series[str]
    other_service: Series[str]
    component: Series[str]  # whole | password | user | host | database
    relation: Series[str] = Field(isin=("same", "different", "unknown"))
    expected: Series[str] = Field(isin=("same", "different", "any"))
    why: Series[str]  # pairing | environments | names | coupled | must differ | example


class RotationPairs(Contract):
    """One row for each two secrets that must be rotated together, in each environment that has both."""

    secret: Series[str]
    other_secret: Series[str]
    environment: Series[str]
    service: Series[str]  # of `secret`
    relation: Series[str] = Field(isin=("together", "apart", "unknown"))
    lo_at: Series[Instant] = Field(nullable=True)  # `secret` came into force after this …
    hi_at: Series[Instant] = Field(nullable=True)  # … and by this
    other_lo_at: Series[Instant] = Field(nullable=True)
    other_hi_at: Series[Instant] = Field(nullable=True)

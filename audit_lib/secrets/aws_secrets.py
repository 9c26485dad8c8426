"""Reads one secret of AWS Secrets Manager, if `--env` names it: its values and its versions' dates.

This is the one place that asks a provider. It needs boto3 (the extra `aws`), and the credentials, region and
endpoint that boto3 finds by itself. Source: the API's GetSecretValue, DescribeSecret, ListSecretVersionIds.
"""

import json
from datetime import UTC, datetime
from typing import Any

from audit_lib.base.errors import BadInput
from audit_lib.project.places import StoreDate

CURRENT, PREVIOUS = "AWSCURRENT", "AWSPREVIOUS"
PREFIX = "aws-sm:"
_NO_BOTO3 = 'needs boto3: pip install "audit-lib[aws]"'


def read_aws_secret(name: str, variable: str, place: str) -> tuple[bytes, tuple[StoreDate, ...]]:
    """The current values as JSON, and for each variable since when its value is current.

    A secret that is no JSON object is the value of `variable`. `BadInput` if it cannot be read.
    """
    client = _client(place)
    try:
        described = client.describe_secret(SecretId=name)
        versions = client.list_secret_version_ids(SecretId=name)["Versions"]
        stages = {stage: one for one in versions for stage in one.get("VersionStages", ())}
        now = _values(client, name, CURRENT, variable, place)
        before = _values(client, name, PREVIOUS, variable, place) if PREVIOUS in stages else None
    except BadInput:
        raise
    except Exception as error:  # boto3's own message may quote what was asked
        raise BadInput.at(
            place, f"cannot be read from AWS Secrets Manager ({type(error).__name__})"
        ) from None
    made = _utc(stages[CURRENT]["CreatedDate"])
    changed = max(made, _utc(described.get("LastChangedDate", made)))
    dates = tuple(_date(one, now[one], before, made, changed) for one in sorted(now))
    return json.dumps(now).encode("utf-8"), dates


def _client(place: str) -> Any:
    try:
        import boto3  # noqa: PLC0415  an extra, and slow to import
    except ImportError:
        raise BadInput.at(place, _NO_BOTO3) from None
    try:
        return boto3.client("secretsmanager")
    except Exception as error:
        raise BadInput.at(place, f"AWS is not set up ({type(error).__name__})") from None


def _values(client: Any, name: str, stage: str, variable: str, place: str) -> dict[str, str]:
    text = client.get_secret_value(SecretId=name, VersionStage=stage).get("SecretString")
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict):
        return {key: value for key, value in found.items() if isinstance(value, str)}
    if not isinstance(text, str) or not variable:
        raise BadInput.at(place, "is not a JSON object: name its variable, ENVIRONMENT/SERVICE:NAME=aws-sm:…")
    return {variable: text}


def _date(
    variable: str, value: str, before: dict[str, str] | None, made: datetime, changed: datetime
) -> StoreDate:
    """E13. A version is never changed, and it becomes current by the secret's last change at the latest.

    With another value in the version that was current before, it came in after its own version was made;
    with the same one it was current by then.
    """
    if before is None:
        return StoreDate(variable, "E13", None, changed, "the only version became current")
    if before.get(variable) == value:
        return StoreDate(variable, "E13", None, made, "the version before has the same value")
    return StoreDate(variable, "E13", made, changed, "a version with another value became current")


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(microsecond=0)

"""Which variables are of one store: a database, a cache or a queue has one password under many names."""

from audit_lib.project.discovery import words

# The server's own variable, its clients' and their addresses hold one password, each by its own name.
FAMILIES = (
    words("DB DATABASE SQL POSTGRES POSTGRESQL PG PGPASSWORD MYSQL MARIADB MSSQL"),
    words("MONGO MONGODB"),
    words("REDIS VALKEY CACHE KEYDB"),
    words("RABBITMQ AMQP BROKER CELERY"),
    words("S3 MINIO AWS"),
)


def of_one_store(one: str, other: str) -> bool:
    """Whether two names are of one kind of store: POSTGRES_PASSWORD and DATABASE_URL are."""
    first, second = set(one.upper().split("_")), set(other.upper().split("_"))
    return any(first & family and second & family for family in FAMILIES)

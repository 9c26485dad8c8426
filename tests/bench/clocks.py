"""What is said of secrets on machines with wrong clocks, held against the truth of a simulation."""

from tests.support.clock_truth import measure, table

SECRETS = 2000


def main() -> None:
    """Print the table of docs/accuracy.md#wrong-clocks."""
    print(table(measure(range(SECRETS))))


if __name__ == "__main__":
    main()

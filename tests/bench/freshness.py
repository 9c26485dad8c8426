"""How often one looks decides what one can prove: shares of each status, and how many were wrong."""

from tests.secrets.test_ages import STATUSES, TABLE, measure

SECRETS = 4000


def main() -> None:
    """Print a row for each period and cadence: shares in per cent over simulated rotation histories."""
    print(f"{SECRETS} secrets a row, rotated each 0.5 to 1.6 periods; statuses in per cent\n")
    print("| period, days | looked each, days | recorded | " + " | ".join(STATUSES) + " | wrong |")
    print("|--|--|--|" + "--|" * (len(STATUSES) + 1))
    for period, cadence, recorded, _ in TABLE:
        shares, wrong = measure(period, cadence, recorded, SECRETS)
        told = " | ".join(f"{share:.1f}" for share in shares)
        print(f"| {period} | {cadence} | {recorded:.0%} | {told} | {wrong} |", flush=True)


if __name__ == "__main__":
    main()

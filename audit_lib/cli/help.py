"""The help of the command line: commands in groups, and the nearest name for a wrong one."""

from difflib import get_close_matches

import click

# Each command with the first sentence of its own help, so that a list of all imports none.
GROUPS = {
    "Review": {
        "review": "Review the secrets and logins of one quarter.",
        "leaks": "Find every place to which a secret has leaked.",
        "failures": "Count requests and failure messages in log files.",
        "alerts": "Evaluate the policy's alerts over the latest logs, for cron.",
        "explain": "Say of each log line on stdin how it is read.",
    },
    "Incident": {
        "investigate": "Investigate an incident: what happened, and what to do.",
        "whose": "Find out whose secret a string is.",
    },
    "Rotate": {
        "rotate": "List what falls due, and plan, make and check a rotation.",
        "validate": "Check the secrets of a service before it starts.",
    },
    "Record": {
        "snapshot": "Record which values are in place, as keyed fingerprints.",
        "record": "Record a rotation, revocation or creation of SECRET.",
        "decide": "Decide on findings and questions, and list what was decided.",
        "sign": "Sign the report in DIR: record its digest in the ledger.",
        "verify": "Check that a report or a ledger is unchanged.",
    },
    "Set-up": {
        "init": "Create the key and a first audit.toml.",
        "sample": "Write the sample project to DIR, a new or empty folder.",
    },
}


class GroupedCommands(click.Group):
    """A group whose help lists its commands by `GROUPS`; a wrong name is answered with the nearest."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of the help."""
        return [name for names in GROUPS.values() for name in names]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each group."""
        width = max(map(len, self.list_commands(ctx)))
        for title, summaries in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), text) for name, text in summaries.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that was typed; a usage error names the nearest one."""
        name = args[0]
        if name not in self.list_commands(ctx) and not name.startswith("-"):
            near = get_close_matches(name, self.list_commands(ctx), n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            ctx.fail(f"No such command '{name}'.{hint}")
        return super().resolve_command(ctx, args)

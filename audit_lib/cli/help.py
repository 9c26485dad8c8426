"""The help of the command line: commands in groups, and the nearest name for a wrong one."""

from difflib import get_close_matches

import click

GROUPS = {
    "Review": ("review", "failures", "leaks", "seal", "verify", "oscal"),
    "Incident": ("investigate", "whose"),
    "Rotate": ("due", "validate", "generate", "runbook"),
    "Record": ("snapshot", "record", "accept", "assign", "close", "attest", "signoff", "ledger"),
    "Set-up": ("init", "key", "sample"),
}


class GroupedCommands(click.Group):
    """A group whose help lists its commands by `GROUPS`; a wrong name is answered with the nearest."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of the help."""
        return [name for names in GROUPS.values() for name in names]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each group."""
        width = max(map(len, self.list_commands(ctx)))
        limit = formatter.width - width - 6
        for title, names in GROUPS.items():
            found = [(name, self.get_command(ctx, name)) for name in names]
            with formatter.section(title):
                formatter.write_dl(
                    [(name.ljust(width), one.get_short_help_str(limit)) for name, one in found if one]
                )

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

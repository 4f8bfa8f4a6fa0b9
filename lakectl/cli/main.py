"""The command tree: names come from the registry, modules are imported when they are needed."""

from __future__ import annotations

import difflib
import importlib
import sys
from typing import Any

import click

from lakectl.cli import failures
from lakectl.cli.registry import COMMANDS, SECTIONS

_EPILOG = """\b
Without a command on a terminal, the dashboard opens.
A version is named by number (v3), tag, branch, snapshot id or time ('2h ago').
Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 conflict or incompatible
schema, 5 store not reachable, 6 not allowed, 7 a check said no, 8 a run
was cancelled, 70 crash,
124 timeout, 130 interrupted."""


class LazyGroup(click.Group):
    """A group whose help needs no command's module."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name, its module imported only now."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module, function = entry.place.split(":")
        command: click.Command = getattr(importlib.import_module(module), function)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the words mean; a near name is suggested otherwise."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f"Did you mean {near[0]}?" if near else "See them all with: lakectl --help"
            raise click.UsageError(f"There is no command {args[0]!r}. {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The sections of the help, from the registry alone."""
        for title, entries in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(e.name, e.sentence) for e in entries])


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--lake", metavar="DIR", help="The lake's folder; else found upwards from here.")
@click.option("--profile", metavar="NAME", help="The profile in lakectl.toml.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.option("--version", is_flag=True, help="Print the version and leave.")
@click.pass_context
def cli(
    ctx: click.Context, lake: str | None, profile: str | None, debug: bool, version: bool
) -> None:
    """Keep a data lake from turning into a swamp: versions, schemas, SQL, no server."""
    ctx.obj = {"lake": lake, "profile": profile, "debug": debug}
    if version:
        from lakectl import __version__

        click.echo(f"lakectl {__version__}")
        ctx.exit()
    if ctx.invoked_subcommand is None:
        if sys.stdout.isatty() and sys.stdin.isatty():
            ctx.invoke(_command("ui"))
        else:
            click.echo(ctx.get_help())


def _command(name: str) -> Any:
    found = cli.get_command(click.Context(cli), name)
    assert found is not None
    return found


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code; every error ends here as a sentence."""
    out = sys.stdout
    try:
        result = cli.main(args=arguments, prog_name="lakectl", standalone_mode=False)
        sys.stdout.flush()  # what cannot be written must show here, where errors end
    except BaseException as error:  # noqa: BLE001 - the last line of the program
        # click answers a broken pipe by wrapping stdout and leaving with 1
        return failures.quiet_end() if sys.stdout is not out else failures.tell(error, arguments)
    return result if isinstance(result, int) else 0

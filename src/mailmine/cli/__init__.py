"""The command line, one module per command.

Exit status 0: done. 1: it failed, with one clear line on stderr. 2: wrong usage.
"""

import importlib
import io
import os
import signal
import sys
from typing import Annotated, Any, Final, NoReturn

import typer
from typer.core import TyperGroup

from mailmine import __version__
from mailmine.cli.errors import in_words

MODULES: Final = {
    "demo": "demo",
    "serve": "serve",
    "worker": "worker",
    "simulate": "simulate",
    "refine": "refine",
    "refine-anew": "refine_anew",
    "check": "check",
    "enable": "enable",
    "status": "status",
    "move": "move",
    "openapi": "openapi",
    "import": "import_",
    "switch": "switch",
    "user": "user",
    "token": "token",
    "key": "key",
    "notify": "notify",
}
"""Command: the module of this package that has it, as a function of the module's name or, with commands of its own, as `app`."""


UNTIL_THEY_LISTEN: Final = ("serve", "worker")
"""Commands that Ctrl-C just ends before they listen, as it may at any time: they load more, and then take it themselves."""


class _Commands(TyperGroup):
    """Loads the command that is asked for: all of them would cost each two seconds and 20 MB more."""

    def list_commands(self, ctx: Any) -> list[str]:
        del ctx
        return list(MODULES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        # Where there is no such command, typer says which of those that are loaded is spelt alike.
        for name in [cmd_name] if cmd_name in MODULES else MODULES:
            if name not in self.commands:
                self.commands[name] = _loaded(name)
        return super().get_command(ctx, cmd_name)


def _loaded(name: str) -> Any:
    module = importlib.import_module(f"mailmine.cli.{MODULES[name]}")
    if hasattr(module, "app"):
        command: Any = typer.main.get_group(module.app)
    else:
        one = typer.Typer(add_completion=False)
        one.command(name)(getattr(module, MODULES[name]))
        command = typer.main.get_command(one)
    command.name = name
    return command


app = typer.Typer(
    cls=_Commands,
    name="mailmine",
    help="Keeps Microsoft Exchange mailboxes flowing into clean, structured comments.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _say_version(asked: bool) -> None:  # noqa: FBT001 - typer's way
    if asked:
        typer.echo(f"mailmine {__version__}")
        raise typer.Exit


@app.callback()
def mailmine(
    ctx: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Say which version."),
    ] = False,
) -> None:
    """Keep Microsoft Exchange mailboxes flowing into clean, structured comments."""
    del version
    # The command is loaded by now. While libraries are, what Ctrl-C raises may be lost in one of them.
    is_ours = signal.getsignal(signal.SIGINT) is signal.SIG_DFL  # by `mailmine.__main__`
    if is_ours and ctx.invoked_subcommand not in UNTIL_THEY_LISTEN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def main() -> NoReturn:
    """Run `mailmine`. Whatever fails is said in one line; `MAILMINE_DEBUG=1` shows where it failed."""
    _make_streams_usable()
    status = _run()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # nobody reads any more, or the disk is full
        status = status or 1
    # Threads of obstore may be about to hand over an answer, and abort a process whose interpreter is
    # being taken apart (PyO3/pyo3-async-runtimes issue 40). All that is ours has ended by here.
    os._exit(status)


def _make_streams_usable() -> None:
    """Have what is written to a stream that is closed go nowhere, and escape what the encoding of another does not have.

    Whoever starts a service may close them (`>&-`), and a name in a mailbox may be in any script.
    """
    # In the order of their numbers: each gets its own, which the first file or socket would get else.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))
        elif mode == "w" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _run() -> int:
    try:
        app()
    except KeyboardInterrupt:
        return 130
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
            return 1
        return end.code or 0
    except Exception as error:
        if os.environ.get("MAILMINE_DEBUG"):
            raise
        print(f"mailmine: {in_words(error)}", file=sys.stderr)
        return 1
    return 0

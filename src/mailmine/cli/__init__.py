"""The command line, one module per command.

Exit status 0: done. 1: it failed, with one clear line on stderr. 2: wrong usage.
"""

import os
import sys
from typing import Annotated, NoReturn

import typer

from mailmine import __version__
from mailmine.cli import (
    check,
    demo,
    enable,
    import_,
    key,
    move,
    notify,
    openapi,
    refine,
    refine_anew,
    serve,
    simulate,
    status,
    switch,
    token,
    user,
    worker,
)
from mailmine.cli.errors import in_words

app = typer.Typer(
    name="mailmine",
    help="Keeps Microsoft Exchange mailboxes flowing into clean, structured comments.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(demo.demo)
app.command()(serve.serve)
app.command()(worker.worker)
app.command()(simulate.simulate)
app.command()(refine.refine)
app.command()(refine_anew.refine_anew)
app.command()(check.check)
app.command()(enable.enable)
app.command()(status.status)
app.command()(move.move)
app.command()(openapi.openapi)
app.command("import")(import_.import_)
app.command()(switch.switch)
app.add_typer(user.app, name="user")
app.add_typer(token.app, name="token")
app.add_typer(key.app, name="key")
app.add_typer(notify.app, name="notify")


def _say_version(asked: bool) -> None:  # noqa: FBT001 - typer's way
    if asked:
        typer.echo(f"mailmine {__version__}")
        raise typer.Exit


@app.callback()
def mailmine(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Say which version."),
    ] = False,
) -> None:
    """Keep Microsoft Exchange mailboxes flowing into clean, structured comments."""
    del version


def main() -> NoReturn:
    """Run `mailmine`. Whatever fails is said in one line; `MAILMINE_DEBUG=1` shows where it failed."""
    status = _run()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # nobody reads any more, or the disk is full
        status = status or 1
    # Threads of obstore may be about to hand over an answer, and abort a process whose interpreter is
    # being taken apart (PyO3/pyo3-async-runtimes issue 40). All that is ours has ended by here.
    os._exit(status)


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

"""Options that several commands share; what is not given comes from the environment, or is as `Settings` says.

Help texts are rich's markup: a bracket that is to be seen needs a backslash.
"""

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from mailmine.cli.errors import Failed
from mailmine.cli.settings import Settings

Data = Annotated[
    Path | None,
    typer.Option(
        "--data", help="The data folder. \\[env: MAILMINE_DATA; default: ./mailmine-data]"
    ),
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database",
        help="postgresql://… or sqlite:///…  \\[env: MAILMINE_DATABASE; default: SQLite in the data folder]",
    ),
]
ReadDatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--read-database",
        help="A replica of the database, for lists, pages and search. \\[env: MAILMINE_READ_DATABASE]",
    ),
]
BlobPlace = Annotated[
    str | None,
    typer.Option(
        "--blobs",
        help="Where attachments are kept: a folder, s3://…, az://… or gs://…  "
        "\\[env: MAILMINE_BLOBS; default: in the data folder]",
    ),
]
Host = Annotated[
    str | None,
    typer.Option("--host", help="Where to listen. \\[env: MAILMINE_HOST; default: 127.0.0.1]"),
]
Port = Annotated[
    int | None,
    typer.Option("--port", help="0 = any free one. \\[env: MAILMINE_PORT; default: 8450]"),
]


def settings(**given: Any) -> Settings:
    """Put together the settings: what was given on the command line, then the environment, then the defaults."""
    try:
        return Settings(**{name: value for name, value in given.items() if value not in {None, ""}})
    except ValidationError as error:
        mistakes = "; ".join(
            f"{'.'.join(map(str, mistake['loc']))}: {mistake['msg']}"
            for mistake in error.errors(include_url=False, include_input=False)
        )
        raise Failed(
            f"a setting (an option, or a variable MAILMINE_…) is wrong: {mistakes}"
        ) from error

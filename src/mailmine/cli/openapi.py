"""`mailmine openapi`: the description of the API."""

import json

import typer

from mailmine.api.app import describe


def openapi() -> None:
    """Print the description of the API (OpenAPI 3.1, JSON)."""
    typer.echo(json.dumps(describe(), indent=1, ensure_ascii=False))

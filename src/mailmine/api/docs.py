"""The description of the API: for programs (OpenAPI) and as a page that needs no script."""

import base64
import hashlib
import json
import re
from functools import cache
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from mailmine.api.answers import JSON

router = APIRouter(include_in_schema=False)

_PAGES = Environment(
    loader=PackageLoader("mailmine.api"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_CODE = re.compile("`([^`]+)`")
_STYLE = re.compile("<style>(.*?)</style>", re.DOTALL)


def _code(text: str) -> Markup:
    """Show what stands between backticks as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped before


_PAGES.filters["code"] = _code


@router.get("/api/openapi.json")
async def openapi(request: Request) -> Response:
    """Describe the API to programs."""
    return Response(orjson.dumps(_document(request)), media_type=JSON)


@router.get("/api/docs")
async def docs(request: Request) -> Response:
    """Describe the API to people."""
    document = _document(request)
    page = _PAGES.get_template("docs.html").render(
        document=document,
        operations=_operations(document),
        base=f"{request.base_url}".rstrip("/"),
        written=lambda value: json.dumps(value, indent=2, ensure_ascii=False),
    )
    style = _STYLE.search(page)
    digest = base64.b64encode(hashlib.sha256((style.group(1) if style else "").encode()).digest())
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest.decode()}'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )
    return Response(
        page,
        headers={"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"},
        media_type="text/html",
    )


def _document(request: Request) -> dict[str, Any]:
    return _made(request.app.state.describe)


@cache
def _made(make: Any) -> dict[str, Any]:
    made: dict[str, Any] = make()
    return made


def _operations(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Sort the operations by what they are about."""
    sorted_by_tag: dict[str, list[dict[str, Any]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            described = {"method": method.upper(), "path": path, **operation}
            sorted_by_tag.setdefault(operation["tags"][0], []).append(described)
    return dict(sorted(sorted_by_tag.items()))

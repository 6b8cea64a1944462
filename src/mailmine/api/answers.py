"""Answers in the envelope of Communications Mining: `{"status": "ok", …}`."""

import gzip

import orjson
from fastapi import Request, Response

JSON = "application/json; charset=utf-8"
"""JSON is UTF-8 whatever its type says (RFC 8259, 8.1), but Windows PowerShell 5.1 takes it for Latin-1 where that says nothing."""

WORTH_PACKING = 1024
"""Bytes; a smaller answer gains nothing from gzip."""

_LEVEL = 4
"""A page of 256 comments becomes a fifth of its size; higher levels cost twice the time for a few percent."""


def ok(request: Request, **fields: object) -> Response:
    """Answer with `fields` beside the status; `orjson.Fragment` puts ready-made JSON in.

    Packs what is large in the thread of the endpoint, so that the event loop is free for others.
    """
    body = orjson.dumps({"status": "ok", **fields})
    headers = {
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Vary": "Accept-Encoding",
    }
    if len(body) >= WORTH_PACKING and _takes_gzip(request.headers.get("Accept-Encoding", "")):
        body = gzip.compress(body, _LEVEL, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(body, headers=headers, media_type=JSON)


def _takes_gzip(accepted: str) -> bool:
    """Read Accept-Encoding (RFC 9110, 12.5.3) as far as gzip is concerned."""
    for coding in accepted.lower().split(","):
        name, _, weight = coding.replace(" ", "").partition(";q=")
        if name == "gzip":
            return weight.strip("0.") != "" or not weight
    return False

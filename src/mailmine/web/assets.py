"""Styles, scripts and images, served from memory and kept by browsers for as long as they stay the same."""

import hashlib
import mimetypes
from dataclasses import dataclass
from importlib import resources

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Assets:
    """All files of `static`. One digest names the whole, so modules import each other by plain names."""

    files: dict[str, bytes]
    digest: str

    @classmethod
    def load(cls) -> "Assets":
        """Read them out of the package."""
        folder = resources.files("mailmine.web") / "static"
        files = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}
        digest = hashlib.sha256()
        for name, content in sorted(files.items()):
            digest.update(f"{name}\0{len(content)}\0".encode())
            digest.update(content)
        return cls(files, digest.hexdigest()[:16])

    async def show(self, request: Request) -> Response:
        """Answer `/static/{digest}/{name}`; under an old digest the file is sent, but not to be kept."""
        name = request.path_params["name"]
        content = self.files.get(name)
        if content is None:
            raise HTTPException(404)
        is_current = request.path_params["digest"] == self.digest
        tag = f'"{self.digest}"'
        headers = {
            "ETag": tag,
            "Cache-Control": "public, max-age=31536000, immutable" if is_current else "no-cache",
        }
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=_type(name), headers=headers)


def _type(name: str) -> str:
    suffix = "." + name.rpartition(".")[2]
    return TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"

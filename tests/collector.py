"""A collector of traces on the loopback: takes what is sent by OTLP over HTTP, and understands it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WrittenSpan, Status


@dataclass(frozen=True)
class Span:
    """One span, as it came."""

    name: str
    kind: str
    trace: str
    id: str
    parent: str
    values: dict[str, Any]
    links: frozenset[tuple[str, str]]
    """Trace and span."""
    is_error: bool
    resource: dict[str, Any]


@dataclass
class Collector:
    """What came up to now."""

    spans: list[Span] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    url: str = ""

    def named(self, name: str, **values: Any) -> list[Span]:
        """List the spans of this name with these attributes of ours."""
        wanted = {f"mailmine.{key}": value for key, value in values.items()}
        return [
            one for one in self.spans if one.name == name and wanted.items() <= one.values.items()
        ]

    def take(self, body: bytes) -> None:
        self.raw.append(body)
        request = ExportTraceServiceRequest.FromString(body)
        self.spans += [
            Span(
                name=span.name,
                kind=WrittenSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
                trace=span.trace_id.hex(),
                id=span.span_id.hex(),
                parent=span.parent_span_id.hex(),
                values=_plain(span.attributes),
                links=frozenset((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
                is_error=span.status.code == Status.STATUS_CODE_ERROR,
                resource=_plain(group.resource.attributes),
            )
            for group in request.resource_spans
            for scope in group.scope_spans
            for span in scope.spans
        ]


def _plain(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run a collector."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            collector.take(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()

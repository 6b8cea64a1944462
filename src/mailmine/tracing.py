"""Traces: how long each step of a round or a request took, for a collector that speaks OpenTelemetry's protocol.

Off unless the standard variables name a collector when the process starts (`exported`). Then OpenTelemetry is not even
imported here, and a span costs a look at one name. Spans hold numbers, codes, and the names of what is configured;
nothing of mail, and of an error its kind alone.

    round            of a mailbox
      exchange …     a request, by its operation
      store          what a page or a part of it brought
    GET /api/…       a request of a client
      stream fetch   linked to what stored the comments that it gives (store/traces.py)
"""

import os
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from threading import Thread
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol

import structlog

import mailmine

if TYPE_CHECKING:
    from opentelemetry import trace
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace.export import SpanExporter

log = structlog.get_logger(__name__)

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""Either says where the collector is (OpenTelemetry, "OTLP Exporter Configuration")."""
PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
PROTOCOL: Final = "http/protobuf"
LAST_WORDS: Final = 5.0
"""Seconds at the end of a process for what was not sent yet."""

Value = str | int | float | bool | None
"""Of an attribute; None says nothing."""


class Span(Protocol):
    """A step that is being timed."""

    @property
    def is_heard(self) -> bool:
        """Whether anybody hears of it: nothing dear need be found out where nobody does."""
        ...

    def set(self, values: Mapping[str, Value]) -> None:
        """Say something about it."""
        ...

    def rename(self, name: str) -> None:
        """Call it by another name: what it is, is known only now."""
        ...

    def fail(self, kind: str) -> None:
        """Mark it as one that went wrong, and how in one word."""
        ...

    def link(self, parents: Iterable[str]) -> None:
        """Point to spans of other traces, as `current` gave them."""
        ...


class _Nothing:
    """A span of which nobody hears."""

    is_heard = False

    def set(self, values: Mapping[str, Value]) -> None:
        pass

    def rename(self, name: str) -> None:
        pass

    def fail(self, kind: str) -> None:
        pass

    def link(self, parents: Iterable[str]) -> None:
        pass

    def __enter__(self) -> Span:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        pass


NOTHING: Final = _Nothing()
"""For what is not timed."""


class _Traced:
    """Makes spans; there is one where traces are wanted."""

    def __init__(self, exporter: "SpanExporter") -> None:
        from opentelemetry import context, trace  # noqa: PLC0415 - see the head of the module
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415
            TraceContextTextMapPropagator,
        )

        self._context = context
        self._trace = trace
        self._propagator = TraceContextTextMapPropagator()
        about: dict[str, str | int] = {
            "service.name": "mailmine",
            "service.version": mailmine.__version__,
            "host.name": socket.gethostname(),
            "process.pid": os.getpid(),
        }
        # What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say goes before.
        resource = Resource.create(about).merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("mailmine", mailmine.__version__)
        self._kinds = {one.name.lower(): one for one in trace.SpanKind}

    def begin(
        self, name: str, kind: str, values: Mapping[str, Value], within: "Context | None"
    ) -> "_Recorded":
        span = self._tracer.start_span(
            name,
            context=within,
            kind=self._kinds[kind],
            record_exception=False,
            set_status_on_exception=False,
        )
        return _Recorded(self, span, values)

    def attach(self, span: "trace.Span") -> object:
        return self._context.attach(self._trace.set_span_in_context(span))

    def detach(self, token: object) -> None:
        self._context.detach(token)  # type: ignore[arg-type]

    def leave(self) -> None:
        self._context.attach(self._context.Context())

    def error(self, kind: str) -> "trace.Status":
        return self._trace.Status(self._trace.StatusCode.ERROR, kind)

    def here(self) -> "trace.SpanContext":
        return self._trace.get_current_span().get_span_context()

    def is_within(self) -> bool:
        return self._trace.get_current_span().is_recording()

    def sent(self, headers: Mapping[str, str]) -> "Context":
        """Read from the headers of a request what it belongs to (W3C Trace Context)."""
        return self._propagator.extract(headers, context=self._context.Context())

    def read(self, parent: str) -> "trace.SpanContext":
        context = self._propagator.extract({"traceparent": parent}, context=self._context.Context())
        return self._trace.get_current_span(context).get_span_context()

    def end(self) -> None:
        """Send what is left, as far as that is quickly done: a collector that is away keeps no process from ending."""
        ending = Thread(target=self._provider.shutdown, daemon=True)
        ending.start()
        ending.join(LAST_WORDS)


class _Recorded:
    """A span that is told to the collector when it ends."""

    def __init__(self, owner: _Traced, span: "trace.Span", values: Mapping[str, Value]) -> None:
        self._owner = owner
        self._span = span
        self._token: object = None
        self.is_heard = span.is_recording()
        self.is_current = True
        """Whether what begins within it belongs to it."""
        self.set(values)

    def set(self, values: Mapping[str, Value]) -> None:
        for name, value in values.items():
            if value is not None:
                self._span.set_attribute(name, value)

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def fail(self, kind: str) -> None:
        self._span.set_attribute("error.type", kind)
        self._span.set_status(self._owner.error(kind))

    def link(self, parents: Iterable[str]) -> None:
        for parent in parents:
            self._span.add_link(self._owner.read(parent))

    def __enter__(self) -> Span:
        if self.is_current:
            self._token = self._owner.attach(self._span)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        if self.is_current:
            self._owner.detach(self._token)
        if kind is not None:
            self.fail(kind.__name__)
        self._span.end()


_traced: _Traced | None = None


@contextmanager
def exported() -> Iterator[None]:
    """Send traces while within, where the environment says to; what is left goes at the end, for some seconds."""
    global _traced  # noqa: PLW0603 - one for the process, as its metrics
    exporter = _exporter()
    if exporter is None:
        yield
        return
    _traced = traced = _Traced(exporter)
    log.info("traces are sent")
    try:
        yield
    finally:
        _traced = None
        traced.end()


def _exporter() -> "SpanExporter | None":
    asked = os.environ.get
    if (
        not any(map(asked, ENDPOINTS))
        or asked("OTEL_SDK_DISABLED", "").lower() == "true"
        or asked("OTEL_TRACES_EXPORTER", "").lower() == "none"
    ):
        return None
    protocol = next(filter(None, map(asked, PROTOCOLS)), PROTOCOL)
    if protocol != PROTOCOL:
        log.warning("no traces", reason=f"they are sent by {PROTOCOL} alone, not by {protocol}")
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
    except ImportError:
        log.warning("no traces", reason="OpenTelemetry is not installed: mailmine[otel]")
        return None
    return OTLPSpanExporter()


def span(
    name: str, values: Mapping[str, Value], *, kind: str = "internal"
) -> "_Nothing | _Recorded":
    """Time a step; what begins within it, also in tasks and threads, belongs to it. To be used by `with`."""
    return NOTHING if _traced is None else _traced.begin(name, kind, values, None)


def request(name: str, about: Callable[[], Mapping[str, Value]]) -> "_Nothing | _Recorded":
    """Time a request to another server, where it belongs to something that is timed; `about` is asked only there."""
    if _traced is None or not _traced.is_within():
        return NOTHING
    made = _traced.begin(name, "client", about(), None)
    # It may end in another task than it began in, which a context cannot.
    made.is_current = False
    return made


def answer(
    name: str, values: Mapping[str, Value], headers: Iterable[tuple[bytes, bytes]]
) -> "_Nothing | _Recorded":
    """Time the answer to a request, as part of what its headers say that it belongs to."""
    if _traced is None:
        return NOTHING
    sent = {key.decode("latin-1"): value.decode("latin-1") for key, value in headers}
    return _traced.begin(name, "server", values, _traced.sent(sent))


def current() -> str | None:
    """Name the span that this belongs to, as `traceparent` does (W3C Trace Context); None where nobody hears of it."""
    if _traced is None or not _traced.is_within():
        return None
    here = _traced.here()
    return f"00-{here.trace_id:032x}-{here.span_id:016x}-{here.trace_flags:02x}"


def trace_id() -> str | None:
    """Name the trace that this belongs to, for the log; None where nobody hears of it."""
    parent = current()
    return None if parent is None else parent.split("-")[1]


def leave() -> None:
    """Belong to nothing any more in this task: it was begun by a round, and outlives it."""
    if _traced is not None:
        _traced.leave()

"""Traces are off unless they are asked for, and then they hold nothing up."""

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.testing import capture_logs

from mailmine import tracing

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
UNTRACED = """
import sys
from mailmine import tracing
from mailmine.cli import app
with tracing.exported(), tracing.span("round", {}) as span:
    with tracing.request("exchange", lambda: 1 / 0) as request:
        span.link(())
        request.fail("any")
    tracing.leave()
    assert tracing.current() is tracing.trace_id() is None
# FastAPI brings the bare interface.
print([name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))])
"""


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    monkeypatch.setattr(tracing, "_exporter", lambda: exporter)
    yield exporter
    assert tracing.current() is None


def test_nothing_of_it_is_loaded_where_nobody_asks() -> None:
    done = subprocess.run(
        [sys.executable, "-c", UNTRACED], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "given",
    [
        {ENDPOINT: ""},
        {"OTEL_SDK_DISABLED": "true"},
        {"OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
    ],
)
def test_the_standard_variables_turn_it_off(
    given: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:1")
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with capture_logs() as lines, tracing.exported():
        assert tracing.span("round", {}) is tracing.NOTHING
    assert len(lines) == ("OTEL_EXPORTER_OTLP_PROTOCOL" in given)


def test_without_the_extra_a_process_says_so_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with capture_logs() as lines, tracing.exported():
        assert tracing.span("round", {}) is tracing.NOTHING
    (line,) = lines
    assert "mailmine[otel]" in line["reason"]


def test_a_collector_that_does_not_answer_keeps_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "3600")
        monkeypatch.setattr(tracing, "LAST_WORDS", 0.2)
        with tracing.exported(), tracing.span("round", {}):
            pass


def test_an_error_is_told_by_its_kind_alone(exporter: InMemorySpanExporter) -> None:
    with tracing.exported():
        with pytest.raises(ValueError, match="Dear"), tracing.span("store", {"a": 1, "b": None}):
            raise ValueError("Dear Ann")
        tracing._traced._provider.force_flush()  # type: ignore[union-attr]
        (span,) = exporter.get_finished_spans()
    assert span.attributes == {"a": 1, "error.type": "ValueError"}
    assert not span.events
    assert "Dear" not in span.to_json()


def test_what_is_not_sampled_is_not_kept(
    exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    with tracing.exported(), tracing.span("round", {}) as span:
        assert not span.is_heard
        assert tracing.current() is None
        assert tracing.request("exchange", dict) is tracing.NOTHING
    assert not exporter.get_finished_spans()


def test_a_request_belongs_to_a_round_or_to_nothing(exporter: InMemorySpanExporter) -> None:
    with tracing.exported():
        assert tracing.request("exchange", dict) is tracing.NOTHING
        with tracing.span("round", {}):
            within = tracing.current()
            with tracing.request("exchange", dict):
                assert tracing.current() == within
            tracing.leave()
            assert tracing.current() is None
        tracing._traced._provider.force_flush()  # type: ignore[union-attr]
        assert [one.name for one in exporter.get_finished_spans()] == ["exchange", "round"]

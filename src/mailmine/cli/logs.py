"""The log: one line an event on stderr, in colour for a terminal, as JSON for everything else."""

import logging
import sys
import traceback

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from mailmine import tracing


def configure(level: str) -> None:
    """Set up the log of the process, from a `level` of `logging` on. Libraries speak through it from `warning` on."""
    number = logging.getLevelNamesMapping()[level.upper()]
    is_terminal = sys.stderr.isatty()
    last: Processor = (
        structlog.dev.ConsoleRenderer() if is_terminal else structlog.processors.JSONRenderer()
    )
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _which_trace,
        _where_it_failed,
    ]
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
            foreign_pre_chain=shared,
        )
    )
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)


def _which_trace(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Name the trace that a line belongs to, where traces are sent."""
    del logger, method
    if (trace_id := tracing.trace_id()) is not None:
        event["trace_id"] = trace_id
    return event


def _where_it_failed(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Tell the kind of an exception and where it arose; its words, and the variables there, may hold mail or a password."""
    del logger, method
    match event.pop("exc_info", None):
        case BaseException() as error:
            event["exception"] = _places(error)
        case (_, BaseException() as error, _):
            event["exception"] = _places(error)
        case True if (raised := sys.exception()) is not None:
            event["exception"] = _places(raised)
    return event


def _places(error: BaseException) -> str:
    """List the calls that led to `error`, after those that led to what it followed from."""
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    calls = "".join(traceback.format_tb(error.__traceback__))
    before = f"{_places(earlier)}\n" if earlier is not None else ""
    return f"{before}{type(error).__name__}\n{calls}"

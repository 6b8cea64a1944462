"""Batches: every id of a request gets a response message of its own, in order."""

from collections.abc import Callable, Iterable

from lxml import etree

from exchange_simulator.ews import soap
from exchange_simulator.ews.caller import Caller
from exchange_simulator.ews.soap import EwsError, SoapFaultError

FATAL = frozenset(
    (
        "ErrorConnectionFailed",
        "ErrorInsufficientResources",
        "ErrorInternalServerTransientError",
        "ErrorMailboxFailover",
        "ErrorMailboxMoveInProgress",
        "ErrorMailboxStoreUnavailable",
        "ErrorNotEnoughMemory",
        "ErrorServerBusy",
        "ErrorTimeoutExpired",
    )
)
"""After one of these the rest of the batch is not tried: ErrorBatchProcessingStopped."""


def batch(
    caller: Caller,
    operation: str,
    elements: Iterable[etree._Element],
    answer: Callable[[etree._Element], str],
    *,
    empty: str = "",
) -> str:
    """Answer each element; `empty` is what is wanted even where there is nothing to give."""
    messages: list[str] = []
    stopped = False
    for element in elements:
        if stopped:
            error = EwsError("ErrorBatchProcessingStopped")
            messages.append(soap.failure(operation, error, empty))
            continue
        try:
            messages.append(soap.success(operation, answer(element)))
        except SoapFaultError:
            raise
        except EwsError as error:
            if caller.first_code == "NoError":
                caller.first_code = error.code
            stopped = error.code in FATAL
            messages.append(soap.failure(operation, error, empty))
    if not messages:
        raise SoapFaultError(
            "ErrorSchemaValidation", "The request failed schema validation: no ids."
        )
    return soap.response(operation, messages)

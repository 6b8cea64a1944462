"""The process that refines emails for `refinery.Apart`: from standard input to standard output, until either ends.

It loads what refining needs and nothing else: each worker has one, and a third of its memory is the language model.
"""

import ctypes
import gc
import logging
import signal
import struct
import sys
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from mailmine.model.email import Email
from mailmine.refine import Known, Refined, refine
from mailmine.refine.language import warm_up

# Standard output is for answers: this log speaks on standard error also where nobody has set it up.
log = logging.getLogger(__name__)

LENGTH = struct.Struct(">I")
"""Bytes of what follows."""
GARBAGE = 5_000
"""New objects after which garbage is looked for."""


def main() -> None:
    """Answer until there are no more questions."""
    # Ctrl-C is for the process that started this one; it closes our input when it is done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    decode = msgspec.msgpack.Decoder(tuple[list[Email], list[Known]]).decode
    encode = msgspec.msgpack.Encoder().encode
    questions = sys.stdin.buffer
    # Not `sys.stdout.buffer`: under PYTHONUNBUFFERED that writes a part of an answer where a signal comes, and no more.
    answers = open(sys.stdout.fileno(), "wb", closefd=False)  # noqa: SIM115 - it is a number, and open to the end
    warm_up()
    _give_back_memory()
    # What was loaded stays, and lines of mail are no rings: looking for garbage more often is time lost.
    gc.freeze()
    gc.set_threshold(GARBAGE)
    while len(head := questions.read(LENGTH.size)) == LENGTH.size:
        (length,) = LENGTH.unpack(head)
        body = encode(refine_each(*decode(questions.read(length))))
        answers.write(LENGTH.pack(len(body)) + body)
        answers.flush()


def _give_back_memory() -> None:
    """Give back what loading has used and glibc keeps: 10 MB."""
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def refine_each(emails: Sequence[Email], known: Sequence[Known] = ()) -> list[Refined | None]:
    """Refine emails; one that makes it fail, which it must not, stops none of the others."""
    if not known:
        return [_refined(email, None) for email in emails]
    return list(map(_refined, emails, known))


def _refined(email: Email, known: Known | None) -> Refined | None:
    try:
        return refine(email, whole=False, known=known)
    except Exception as error:  # noqa: BLE001 - a bug in refining must not stop a mailbox
        # The words of the error may hold words of the email.
        log.warning("refining failed: %s", type(error).__name__)
        return None


if __name__ == "__main__":
    main()

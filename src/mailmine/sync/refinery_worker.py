"""The process that refines emails for `refinery.Apart`: from standard input to standard output, until either ends."""

import gc
import signal
import sys

import msgspec

from mailmine.model.email import Email
from mailmine.refine import Known
from mailmine.refine.language import warm_up
from mailmine.sync.refinery import LENGTH, refine_each

GARBAGE = 5_000
"""New objects after which garbage is looked for."""


def main() -> None:
    """Answer until there are no more questions."""
    # Ctrl-C is for the process that started this one; it closes our input when it is done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    decode = msgspec.msgpack.Decoder(tuple[list[Email], list[Known]]).decode
    encode = msgspec.msgpack.Encoder().encode
    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    warm_up()
    # What was loaded stays, and lines of mail are no rings: looking for garbage more often is time lost.
    gc.freeze()
    gc.set_threshold(GARBAGE)
    while len(head := questions.read(LENGTH.size)) == LENGTH.size:
        (length,) = LENGTH.unpack(head)
        body = encode(refine_each(*decode(questions.read(length))))
        answers.write(LENGTH.pack(len(body)) + body)
        answers.flush()


if __name__ == "__main__":
    main()

"""`mailmine`, also as `python -m mailmine`: what is loaded takes a second, in which Ctrl-C ends it without a word."""

import signal
from typing import NoReturn


def main() -> NoReturn:
    """Run `mailmine`."""
    # Not where whoever started it has it ignore Ctrl-C.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from mailmine import cli  # noqa: PLC0415 - that is what takes the second

    cli.main()


if __name__ == "__main__":
    main()

"""How the emails that a mailbox was last asked for fared."""

from collections.abc import Iterable

from mailmine.sync.settings import WarningSettings


class Outcomes:
    """The last emails of one mailbox that were asked for the first time, and whether they could be read.

    Those that are asked for again do not count: they failed before, and a few of them would look like many.
    """

    def __init__(self, settings: WarningSettings | None = None) -> None:
        self._settings = settings or WarningSettings()
        self._asked = 0
        """Of the last ones, no more than are looked at."""
        self._failures = 0
        """A bit for each of them, the last one the lowest: a worker has thousands of mailboxes."""
        self._in_a_row = 0
        self._is_bad = False

    @property
    def is_bad(self) -> bool:
        """Whether too many failed: nobody is served by reading on like this."""
        return self._is_bad

    @property
    def failed(self) -> int:
        """How many of the last failed."""
        return self._failures.bit_count()

    def add(self, outcomes: Iterable[bool]) -> None:
        """Count emails in, in the order in which they came: whether each failed.

        Once it is bad it stays so until `clear`, whatever comes later in the same page.
        """
        settings = self._settings
        for has_failed in outcomes:
            self._asked = min(self._asked + 1, settings.failed_of)
            self._failures = (self._failures << 1 | has_failed) & ((1 << settings.failed_of) - 1)
            self._in_a_row = self._in_a_row + 1 if has_failed else 0
            is_full = self._asked == settings.failed_of
            too_many = is_full and self.failed > settings.failed_part * settings.failed_of
            self._is_bad |= too_many or self._in_a_row >= settings.failed_in_a_row

    def clear(self) -> None:
        """Begin anew, after a pause."""
        self._asked = self._failures = 0
        self._in_a_row = 0
        self._is_bad = False

"""How the emails that a mailbox was last asked for fared."""

from collections import deque
from collections.abc import Iterable

from mailmine.sync.settings import WarningSettings


class Outcomes:
    """The last emails of one mailbox that were asked for the first time, and whether they could be read.

    Those that are asked for again do not count: they failed before, and a few of them would look like many.
    """

    def __init__(self, settings: WarningSettings | None = None) -> None:
        self._settings = settings or WarningSettings()
        self._failed: deque[bool] = deque(maxlen=self._settings.failed_of)
        self._in_a_row = 0
        self._is_bad = False

    @property
    def is_bad(self) -> bool:
        """Whether too many failed: nobody is served by reading on like this."""
        return self._is_bad

    @property
    def failed(self) -> int:
        """How many of the last failed."""
        return sum(self._failed)

    def add(self, outcomes: Iterable[bool]) -> None:
        """Count emails in, in the order in which they came: whether each failed.

        Once it is bad it stays so until `clear`, whatever comes later in the same page.
        """
        settings = self._settings
        for has_failed in outcomes:
            self._failed.append(has_failed)
            self._in_a_row = self._in_a_row + 1 if has_failed else 0
            is_full = len(self._failed) == settings.failed_of
            too_many = is_full and self.failed > settings.failed_part * settings.failed_of
            self._is_bad |= too_many or self._in_a_row >= settings.failed_in_a_row

    def clear(self) -> None:
        """Begin anew, after a pause."""
        self._failed.clear()
        self._in_a_row = 0
        self._is_bad = False

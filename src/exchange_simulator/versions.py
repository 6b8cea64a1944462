"""The versions of Exchange that can be simulated, and what each understands."""

from enum import IntEnum, StrEnum


class Schema(IntEnum):
    """How far an answer may use elements that came with a later version (`spec/exchange.md`, part A)."""

    EXCHANGE_2010 = 2010
    EXCHANGE_2013 = 2013
    EXCHANGE_2016 = 2016


_2010_RTM = dict.fromkeys(
    ("Exchange2007", "Exchange2007_SP1", "Exchange2010"), Schema.EXCHANGE_2010
)
_2010_SP1 = _2010_RTM | {"Exchange2010_SP1": Schema.EXCHANGE_2010}
_2010 = _2010_SP1 | {"Exchange2010_SP2": Schema.EXCHANGE_2010}
_2013 = _2010 | dict.fromkeys(
    ("Exchange2012", "Exchange2013", "Exchange2013_SP1"), Schema.EXCHANGE_2013
)
_2016 = _2013 | dict.fromkeys(
    (
        "Exchange2015",
        "Exchange2016",
        "V2015_10_05",
        "V2016_01_06",
        "V2016_04_13",
        "V2016_07_13",
        "V2016_10_10",
        "V2017_01_07",
        "V2017_04_14",
        "V2017_07_11",
        "V2018_01_08",
    ),
    Schema.EXCHANGE_2016,
)
BEFORE_SP1 = frozenset(_2010_RTM)
"""Claims that know neither streaming notifications nor archives."""


class Version(StrEnum):
    """A version of Exchange Server; its value is how a person calls it."""

    EXCHANGE_2010 = "Exchange2010"
    EXCHANGE_2010_SP1 = "Exchange2010_SP1"
    EXCHANGE_2010_SP2 = "Exchange2010_SP2"
    EXCHANGE_2013 = "Exchange2013"
    EXCHANGE_2016 = "Exchange2016"
    EXCHANGE_2019 = "Exchange2019"
    EXCHANGE_SE = "ExchangeSE"
    EXCHANGE_ONLINE = "ExchangeOnline"

    @property
    def build(self) -> tuple[int, int, int, int]:
        """Major, minor and build numbers, as in ServerVersionInfo."""
        return _BUILDS[self][0]

    @property
    def label(self) -> str:
        """The Version attribute of ServerVersionInfo, which names a schema and not the product."""
        return _BUILDS[self][1]

    @property
    def requests(self) -> dict[str, Schema]:
        """The values of RequestServerVersion that it accepts, with the schema of the answers."""
        return _BUILDS[self][2]

    @property
    def is_2010(self) -> bool:
        """Whether it is Exchange 2010, of whatever service pack."""
        return self.build[0] == _MAJOR_OF_2010

    @property
    def is_before_2016(self) -> bool:
        """Whether it is Exchange 2010 or 2013."""
        return self.is_2010 or self is Version.EXCHANGE_2013

    @property
    def loads_oldest_first(self) -> bool:
        """Whether the first load of a folder begins with its oldest items: before Exchange 2010 SP2."""
        return self in (Version.EXCHANGE_2010, Version.EXCHANGE_2010_SP1)


_MAJOR_OF_2010 = 14


_BUILDS: dict[Version, tuple[tuple[int, int, int, int], str, dict[str, Schema]]] = {
    Version.EXCHANGE_2010: ((14, 0, 639, 21), "Exchange2010", _2010_RTM),
    Version.EXCHANGE_2010_SP1: ((14, 1, 218, 15), "Exchange2010_SP1", _2010_SP1),
    Version.EXCHANGE_2010_SP2: ((14, 2, 390, 3), "Exchange2010_SP2", _2010),
    Version.EXCHANGE_2013: ((15, 0, 1497, 48), "V2_23", _2013),
    Version.EXCHANGE_2016: ((15, 1, 2507, 39), "V2017_07_11", _2016),
    Version.EXCHANGE_2019: ((15, 2, 1544, 11), "V2017_07_11", _2016),
    Version.EXCHANGE_SE: ((15, 2, 2562, 17), "V2017_07_11", _2016),
    Version.EXCHANGE_ONLINE: ((15, 20, 9115, 20), "V2018_01_08", _2016),
}

"""Where Exchange Online is, in each of Microsoft's clouds (Graph deployments; EWS in national clouds)."""

from datetime import date
from typing import Final
from urllib.parse import urlsplit

from mailmine.model.integration import Backend, Cloud, Connection

EWS_ONLINE_ENDS: Final = date(2027, 4, 1)
"""After this day Exchange Online has no EWS (exchange.md, 1.1)."""

_GRAPH: Final = {
    Cloud.WORLDWIDE: "https://graph.microsoft.com",
    Cloud.GCC_HIGH: "https://graph.microsoft.us",
    Cloud.DOD: "https://dod-graph.microsoft.us",
    Cloud.CHINA: "https://microsoftgraph.chinacloudapi.cn",
}
_OUTLOOK: Final = {
    Cloud.WORLDWIDE: "outlook.office365.com",
    Cloud.GCC_HIGH: "outlook.office365.us",
    Cloud.DOD: "outlook-dod.office365.us",
    Cloud.CHINA: "partner.outlook.cn",
}
_ONLINE_HOSTS: Final = frozenset((*_OUTLOOK.values(), "outlook.office.com"))


def graph_of(cloud: Cloud) -> str:
    """Give the address of Graph."""
    return _GRAPH[cloud]


def ews_online(cloud: Cloud) -> str:
    """Give the address of EWS of Exchange Online."""
    return f"https://{_OUTLOOK[cloud]}/EWS/Exchange.asmx"


def is_ews_online(connection: Connection) -> bool:
    """Tell whether a connection reads Exchange Online in the way that ends on `EWS_ONLINE_ENDS`."""
    host = (urlsplit(connection.endpoint).hostname or "").lower()
    return connection.backend is Backend.EWS and host in _ONLINE_HOSTS

"""Autodiscover: from the address of a mailbox to the EWS that serves it (MS-OXDISCO, MS-OXDSCLI, MS-OXWSADISC).

    forms     what is asked in each of the three forms, and what the answers mean; pure
    search    in which places, and how far an answer is believed
    account   an account whose endpoint is found when a mailbox is first read

A password is sent only by TLS, and only to hosts of the account's own domain, or of the mailbox's where the account's name has
none: who may add mailboxes need not be who knows the password. What another host is named for by such a
host's answer to the signed-in account is believed; a mere redirect to a foreign host is not, because anybody who
answers for the domain's website could send one. It is named in the fault, and a person may enter it as the endpoint.
"""

from mailmine.exchange.autodiscover.account import DiscoveringAccount
from mailmine.exchange.autodiscover.search import Search

__all__ = ["DiscoveringAccount", "Search"]

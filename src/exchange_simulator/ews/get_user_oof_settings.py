"""GetUserOofSettings: what is answered while somebody is away. Nobody is, as of a mailbox where it was never set."""

from datetime import timedelta

from lxml import etree

from exchange_simulator.ews import soap
from exchange_simulator.ews.caller import Caller
from exchange_simulator.ews.soap import MESSAGES, TYPES, EwsError, T

NOT_AWAY = (
    "<t:OofSettings><t:OofState>Disabled</t:OofState><t:ExternalAudience>None</t:ExternalAudience>"
    "<t:Duration><t:StartTime>{}</t:StartTime><t:EndTime>{}</t:EndTime></t:Duration>"
    "<t:InternalReply><t:Message/></t:InternalReply><t:ExternalReply><t:Message/></t:ExternalReply></t:OofSettings>"
    "<m:AllowExternalOof>All</m:AllowExternalOof>"
)
"""With the next whole hour and a day after it: a duration is there although nothing is planned (Microsoft's example)."""


def get_user_oof_settings(caller: Caller, request: etree._Element) -> str:
    """Answer for the mailbox that is named. Its one answer stands in no ResponseMessages."""
    address = request.findtext(f"{T}Mailbox/{T}Address", "").strip()
    try:
        _check(caller, address)
    except soap.SoapFaultError:
        raise
    except EwsError as error:
        caller.first_code = error.code
        message, settings = soap.failure("", error), ""
    else:
        start = caller.exchange.now().replace(minute=0, second=0) + timedelta(hours=1)
        settings = NOT_AWAY.format(soap.time(start), soap.time(start + timedelta(days=1)))
        message = soap.success("", "")
    return (
        f'<m:GetUserOofSettingsResponse xmlns:m="{MESSAGES}" xmlns:t="{TYPES}">'
        f"{message}{settings}</m:GetUserOofSettingsResponse>"
    )


def _check(caller: Caller, address: str) -> None:
    mailbox = caller.exchange.find_mailbox(address)
    if mailbox is None:
        raise EwsError("ErrorNonExistentMailbox")
    caller.meet(mailbox)
    if not mailbox.may_read(caller.acting_as):
        raise EwsError("ErrorAccessDenied")
    caller.planned_failure()

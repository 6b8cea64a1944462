"""ResolveNames: which mailboxes a name or address may mean."""

from lxml import etree

from exchange_simulator.ews import soap
from exchange_simulator.ews.batch import batch
from exchange_simulator.ews.caller import Caller
from exchange_simulator.ews.soap import EwsError, M, text


def resolve_names(caller: Caller, request: etree._Element) -> str:
    """Answer with the mailboxes whose address or name begins with what was asked."""
    operation = "ResolveNames"
    entry = (request.findtext(f"{M}UnresolvedEntry") or "").strip()
    wanted = entry.lower().removeprefix("smtp:")

    def answer(_: etree._Element) -> str:
        caller.planned_failure()
        found = [
            mailbox
            for mailbox in caller.exchange.mailboxes
            if wanted
            and (mailbox.address.lower().startswith(wanted) or wanted in mailbox.name.lower())
        ]
        if not found:
            raise EwsError("ErrorNameResolutionNoResults", "No results were found.")
        written = "".join(
            f"<t:Resolution><t:Mailbox><t:Name>{text(mailbox.name)}</t:Name><t:EmailAddress>"
            f"{text(mailbox.address)}</t:EmailAddress><t:RoutingType>SMTP</t:RoutingType>"
            "<t:MailboxType>Mailbox</t:MailboxType></t:Mailbox></t:Resolution>"
            for mailbox in found
        )
        resolutions = (
            f'<m:ResolutionSet TotalItemsInView="{len(found)}" IncludesLastItemInRange="true">'
            f"{written}</m:ResolutionSet>"
        )
        if len(found) > 1:
            several.append(resolutions)
        return resolutions

    several: list[str] = []
    answered = batch(caller, operation, [request], answer)
    if several:
        # More than one match is a warning that still carries them all.
        message = (
            '<m:ResolveNamesResponseMessage ResponseClass="Warning"><m:MessageText>Multiple results were found.'
            "</m:MessageText><m:ResponseCode>ErrorNameResolutionMultipleResults</m:ResponseCode>"
            f"<m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>{several[0]}</m:ResolveNamesResponseMessage>"
        )
        return soap.response(operation, [message])
    return answered

"""GetPasswordExpirationDate: when the password of an account ends. Its one answer stands in no ResponseMessages."""

from datetime import UTC, datetime

from lxml import etree

from exchange_simulator.ews.caller import Caller
from exchange_simulator.ews.soap import MESSAGES, M

NEVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def get_password_expiration_date(caller: Caller, request: etree._Element) -> str:
    """Answer with the moment for who is named, or who asks."""
    caller.planned_failure()
    name = (request.findtext(f"{M}MailboxSmtpAddress") or caller.acting_as).strip()
    account = caller.exchange.find_account(name)
    ends_at = (account and account.password_ends) or NEVER
    return (
        f'<m:GetPasswordExpirationDateResponse ResponseClass="Success" xmlns:m="{MESSAGES}">'
        "<m:ResponseCode>NoError</m:ResponseCode><m:PasswordExpirationDate>"
        f"{ends_at:%Y-%m-%dT%H:%M:%SZ}</m:PasswordExpirationDate></m:GetPasswordExpirationDateResponse>"
    )

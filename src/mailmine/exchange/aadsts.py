"""What the codes of Entra ID mean (Microsoft's list of AADSTS error codes), in words for a person with the remedy.

All of them say that a token is refused for good: asking again with the same secret is of no use, and may lock an account.
"""

from typing import Final

WORDS: Final[dict[str, str]] = {
    "AADSTS7000215": (
        "Entra ID does not accept the client secret of the application {app}. Enter the secret's value, "
        "not its ID; the value is shown only once, when it is made."
    ),
    "AADSTS7000222": (
        "The client secret of the application {app} has expired. Make another one in Entra ID (App registrations, "
        "Certificates & secrets) and enter it; a certificate lasts longer."
    ),
    "AADSTS700027": (
        "Entra ID does not know the certificate of the application {app}, or it has expired. Upload it there "
        "(App registrations, Certificates & secrets), and enter it with its private key here."
    ),
    "AADSTS700024": (
        "The clock of this machine and that of Entra ID differ, so that it does not accept the certificate of "
        "{app}. Set the clock right."
    ),
    "AADSTS700021": "Entra ID takes the certificate for that of another application than {app}.",
    "AADSTS50027": "Entra ID does not accept what was signed with the certificate of {app}.",
    "AADSTS7000218": "Entra ID wants a client secret or a certificate of the application {app}.",
    "AADSTS700016": (
        "There is no application {app} in the tenant {tenant}. Check the client id (Application ID) and the tenant, "
        "and that an administrator has given its consent."
    ),
    "AADSTS7000112": "The application {app} is disabled in Entra ID. An administrator can enable it.",
    "AADSTS7000229": (
        "The application {app} has no service principal in the tenant {tenant}: "
        "an administrator has to give consent first."
    ),
    "AADSTS90002": (
        "There is no tenant {tenant}. Enter its id (Directory ID) or one of its domains; check that "
        "the cloud is the right one."
    ),
    "AADSTS900023": "{tenant} is no id of a tenant. Enter its Directory ID, or one of its domains.",
    "AADSTS90013": "Entra ID does not accept the request for a token: check client id and tenant.",
    "AADSTS500011": (
        "The tenant {tenant} does not know the service that a token was asked for. Check that the address of the "
        "integration belongs to its cloud."
    ),
    "AADSTS65001": (
        "Nobody has consented to what the application {app} may do. An administrator of {tenant} grants "
        "it in Entra ID (App registrations, API permissions)."
    ),
    "AADSTS50034": "There is no user {account} in the tenant {tenant}. Correct the user name.",
    "AADSTS50126": "Entra ID does not accept the user name or password of {account}. Enter it again.",
    "AADSTS50053": (
        "The account {account} is locked because of too many sign-ins with a wrong password. Enter the right "
        "one, and wait or have it unlocked."
    ),
    "AADSTS50055": "The password of {account} has expired. Set another one and enter it.",
    "AADSTS50057": "The account {account} is disabled in Entra ID.",
    "AADSTS50076": (
        "{account} must sign in with a second factor, which a program cannot. Use an application with a certificate "
        "instead of a service user."
    ),
    "AADSTS50079": (
        "{account} has to register a second factor, which a program cannot use. Use an application with a "
        "certificate instead of a service user."
    ),
    "AADSTS50158": (
        "A policy of {tenant} wants more of {account} than a password. Use an application with a certificate "
        "instead of a service user."
    ),
    "AADSTS53003": (
        "Conditional Access of {tenant} blocks {account}. Have an exception made for it, or use an "
        "application with a certificate."
    ),
    "AADSTS7000113": "The application {app} may not sign in as itself. Allow it in Entra ID.",
    "AADSTS70008": "The sign-in of {account} has expired. Enter the password again.",
    "AADSTS50128": "The domain of {account} belongs to no tenant. Correct the user name.",
    "AADSTS50059": "Entra ID cannot tell the tenant. Enter the tenant's id in the integration.",
    "AADSTS50105": "{account} is not assigned to the application {app}. An administrator assigns it.",
    "token_failed": (
        "No token could be had for {account}. Check the secret, or that the text of the certificate holds the "
        "private key and the certificate in PEM."
    ),
}
OTHER: Final = (
    "Entra ID refuses a token to {account} ({code}). Its sign-in log tells the administrator why."
)

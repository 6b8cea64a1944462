"""Which certificates are trusted, for each integration apart."""

import ssl

from mailmine.exchange.faults import Code, ExchangeError, Fault, Scope, Where
from mailmine.model.integration import Connection


def make_context(connection: Connection) -> ssl.SSLContext:
    """Trust the public authorities, and the private one that `connection` names besides.

    Raises ExchangeError where its file cannot be read. Without `verify_tls` anybody in between can read along.
    """
    context = ssl.create_default_context()
    if connection.ca_file is not None:
        try:
            context.load_verify_locations(cafile=connection.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ExchangeError(
                Fault(
                    where=Where.TLS,
                    code=Code.CA_FILE_UNREADABLE,
                    message=f"The CA file {connection.ca_file} cannot be read. "
                    "It must be a PEM file that this process may read.",
                    scope=Scope.CONNECTION,
                )
            ) from error
    if not connection.verify_tls:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context

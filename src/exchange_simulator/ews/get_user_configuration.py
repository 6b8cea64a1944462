"""GetUserConfiguration: what clients keep in hidden items of folders, such as the names and colours of categories."""

from typing import NoReturn

from lxml import etree

from exchange_simulator.ews.batch import batch
from exchange_simulator.ews.caller import Caller
from exchange_simulator.ews.soap import EwsError, M


def get_user_configuration(caller: Caller, request: etree._Element) -> str:
    """Answer that there is none of this name, as in a folder where no client has kept any."""

    def answer(element: etree._Element) -> NoReturn:
        caller.folder(element)
        caller.planned_failure()
        raise EwsError("ErrorItemNotFound")

    named = caller.elements(request.find(f"{M}UserConfigurationName"))
    return batch(caller, "GetUserConfiguration", named, answer)

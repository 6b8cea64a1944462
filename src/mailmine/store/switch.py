"""What saving a configuration does to something that was switched off meanwhile."""

from typing import Any

from mailmine.model.integration import DisabledReason, Integration, Mailbox


def switched(existing: Integration | Mailbox | None, *, on: bool) -> dict[str, Any]:
    """Combine what a configuration wants with what happened since; the columns to write.

    What the system switched off stays off when the same configuration is read again at the next
    start: only `set_enabled` brings it back. What a person switched off follows the configuration.
    """
    if not on:
        return {"enabled": False, "disabled_reason": DisabledReason.USER}
    if existing is not None and existing.disabled_reason not in (None, DisabledReason.USER):
        return {"enabled": existing.enabled, "disabled_reason": existing.disabled_reason}
    return {"enabled": True, "disabled_reason": None}

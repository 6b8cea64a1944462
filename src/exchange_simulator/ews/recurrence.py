"""How a meeting recurs: daily or weekly; whatever else a rule says is told as daily.

StartDate is an xs:date with a zone, not a dateTime: a trap for clients that read all times alike.
"""

from exchange_simulator.meeting import Meeting

_DAYS = {
    "MO": "Monday",
    "TU": "Tuesday",
    "WE": "Wednesday",
    "TH": "Thursday",
    "FR": "Friday",
    "SA": "Saturday",
    "SU": "Sunday",
}


def recurrence(meeting: Meeting) -> str:
    """Write the Recurrence of a meeting; nothing where it does not recur."""
    if meeting.rule is None or meeting.start is None:
        return ""
    parts = (part.partition("=") for part in meeting.rule.upper().split(";"))
    rule = {name: value for name, _, value in parts}
    interval = f"<t:Interval>{_number(rule.get('INTERVAL'), 1)}</t:Interval>"
    days = [_DAYS[day] for day in rule.get("BYDAY", "").split(",") if day in _DAYS]
    pattern = f"<t:DailyRecurrence>{interval}</t:DailyRecurrence>"
    if rule.get("FREQ") == "WEEKLY":
        on = " ".join(days) or meeting.start.strftime("%A")
        pattern = (
            f"<t:WeeklyRecurrence>{interval}<t:DaysOfWeek>{on}</t:DaysOfWeek></t:WeeklyRecurrence>"
        )
    start = f"<t:StartDate>{meeting.start:%Y-%m-%d}Z</t:StartDate>"
    count = _number(rule.get("COUNT"), 0)
    limit = (
        f"<t:NumberedRecurrence>{start}<t:NumberOfOccurrences>{count}</t:NumberOfOccurrences></t:NumberedRecurrence>"
        if count
        else f"<t:NoEndRecurrence>{start}</t:NoEndRecurrence>"
    )
    return f"<t:Recurrence>{pattern}{limit}</t:Recurrence>"


def _number(text: str | None, otherwise: int) -> int:
    return (
        min(int(text), 999) or otherwise
        if text and text.isascii() and text.isdigit()
        else otherwise
    )

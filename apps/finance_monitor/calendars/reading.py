"""A table of days → a calendar; companies go by any name that the list of companies has."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from apps.finance_monitor.calendars.calendar import Calendar
from apps.finance_monitor.calendars.entry import Entry
from apps.finance_monitor.stories.companies import EntityList
from common.errors import UserError
from common.records.reader import OnBadRow, read_records
from common.rules.places import near


def read_calendar(
    path: Path,
    listed: EntityList | None = None,
    topics: Sequence[str] = (),
    on_bad_row: OnBadRow = "fail",
) -> Calendar:
    """Read a table of days.

    Args:
        topics: that the release knows; empty: names are not checked.

    Raises:
        UserError: a bad row, or a name that nobody watches.
    """
    entries = read_records(path, Entry, on_bad_row=on_bad_row).items
    named = []
    for entry in entries:
        company = listed.one_named(entry.key, str(path)) if listed and entry.key.strip() else None
        known = {*topics, *(f"topic/{topic}" for topic in topics)}
        is_known = company or entry.is_for_all or entry.key.strip() in known
        if listed and topics and not is_known:
            on = entry.date if isinstance(entry.date, date) else "days of the week"
            raise UserError(
                f"{entry.key!r} on {on} is neither in --entities nor a topic",
                where=str(path),
                hint=near(entry.key, [*listed.names, *topics]),
            )
        named.append(entry.model_copy(update={"key": company or entry.key.strip()}))
    return Calendar(named)

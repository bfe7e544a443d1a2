"""From the log of answers to decisions: one contact a row, as `effect` reads it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from apps.customer_service.gaps.resolution import Contact, contacts
from common.errors import UserError
from common.learning.schema import Prediction

DAY = 86_400.0

GRAPH = """\
# Which release answered: chance, where two servers share a database and a balancer sends each
# question to either of them. Where it depends on the time of day, the language or the day, that is
# adjusted for; what else decides it (a channel, a region) is to be added, a column and an edge. If
# one release answered after the other, no column helps: the weeks differ in more than the release.

treatment = "this_release"           # 1: the release asked about answered first; 0: the other one
outcome = "settled"                  # answered, and the customer asked nothing more for seven days
edges = [
  "this_release -> settled",
  "day -> this_release", "day -> settled",
  "hour -> this_release", "hour -> settled",
  "language -> this_release", "language -> settled",
]
unit = "customer"
"""


def decisions_of(
    asked: Sequence[Prediction],
    now: float,
    release_id: str,
    other_id: str | None = None,
    *,
    since: float = 0.0,
) -> list[dict[str, Any]]:
    """A row for each contact that one of two releases answered first, oldest first.

    A customer's questions are one contact whatever they are about: the topic is what a release
    takes them for, and is no measure of it. Those that began in the last seven days are left out.

    Args:
        asked, since: as of `contacts`.
        now: seconds since 1970.
        release_id: the action.
        other_id: what it is compared with; None: the other one with the most contacts.

    Raises:
        UserError: they are one, or either of them answered nothing that is old enough to tell.
    """
    if release_id == other_id:
        raise UserError(
            f"{release_id} is to be compared with itself", hint="Name another one: --beside."
        )
    all_of_them = contacts(asked, now, since=since, by_topic=False)
    found = [one for one in all_of_them if one.outcome != "too_early"]
    counts = Counter(one.release_id for one in found)
    others = [name for name, _ in counts.most_common() if name != release_id]
    beside = other_id or (others[0] if others else None)
    for name in (release_id, beside):
        if name is None or not counts[name]:
            these = ", ".join(f"{known} ({count:,})" for known, count in counts.most_common())
            raise UserError(
                f"{name or 'no other release'} answered no contact that is seven days old",
                hint=f"These did: {these or 'none'}.",
            )
    told = [one for one in found if one.release_id in {release_id, beside}]
    return [_row(one, release_id, told[0].at) for one in told]


def _row(one: Contact, release_id: str, begin: float) -> dict[str, Any]:
    at = datetime.fromtimestamp(one.at, UTC)
    return {
        "customer": one.customer,
        "asked_at": at.isoformat(timespec="seconds"),
        "release_id": one.release_id,
        "day": round((one.at - begin) / DAY, 2),
        "hour": at.hour,
        "language": one.language,
        "this_release": int(one.release_id == release_id),
        "answered": int(one.outcome != "not_answered"),
        "settled": int(one.outcome == "durable"),
    }

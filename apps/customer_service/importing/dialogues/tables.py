"""Dialogue logs as tables: one turn a row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from apps.customer_service.importing.dialogues.exports import Read, is_praised, is_resolved
from apps.customer_service.importing.dialogues.speakers import Sides, unknown
from apps.customer_service.importing.dialogues.times import is_day_first, seconds
from apps.customer_service.importing.schema import Dialogue, Rejected, Turn
from common.records.columns import match_columns
from common.records.fields import Text
from common.records.reader import BadRowError, parse_row
from common.records.rows import Broken, Row


class TurnRow(BaseModel):
    """One turn, a row of a dialogue log; status and satisfaction are those of the dialogue."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    dialogue_id: Text
    speaker: Text
    message: Text
    said_at: str | datetime | None = None
    agent: str | None = None
    customer: str | None = None
    status: str | bool | None = None
    satisfaction: str | None = None


FIELDS = tuple(TurnRow.model_fields)
NEEDED = ("dialogue_id", "speaker", "message")
YES = frozenset({"true", "yes", "1", "y", "是", "已解决"})
NO = frozenset({"false", "no", "0", "n", "否", "未解决"})


@dataclass(slots=True)
class _Log:
    """What is known of one dialogue so far; with each turn stands when it was said."""

    place: str
    turns: list[tuple[Turn, str | datetime | None]] = field(default_factory=list)
    customer: str | None = None
    status: str | None = None
    rating: str | None = None
    unknown: str | None = None


def turn_columns(columns: Iterable[str], mapping: Mapping[str, str]) -> dict[str, str] | None:
    """The column of each field of a turn; None where the table holds no turns."""
    found = match_columns(FIELDS, list(columns), mapping)
    return found if all(name in found for name in NEEDED) else None


def read_turns(rows: Iterable[Row], columns: Mapping[str, str], sides: Sides) -> Iterator[Read]:
    """Dialogues in the order of their first turns; turns by their time, else as they stand.

    The turns of a dialogue need not stand together, so all are read before the first is given.
    """
    logs: dict[str, _Log] = {}
    times: dict[object, None] = {}
    for place, row in rows:
        if isinstance(row, Broken):
            yield Rejected(place, row.reason, str(row.content))
            continue
        try:
            turn = parse_row(TurnRow, row, columns)
        except BadRowError as error:
            yield Rejected(place, str(error), str(row.get(columns["message"]) or ""))
            continue
        times[turn.said_at] = None
        _add(logs.setdefault(turn.dialogue_id, _Log(place)), turn, sides)
    day_first = is_day_first(times)
    for name, log in logs.items():
        if log.unknown is not None:
            yield Rejected(log.place, unknown(log.unknown), dialogue_id=name)
            continue
        yield Dialogue(
            name,
            _in_order(log.turns, day_first),
            log.place,
            customer=log.customer,
            is_resolved=_resolved(log.status),
            is_praised=is_praised(log.rating),
        )


def _add(log: _Log, row: TurnRow, sides: Sides) -> None:
    side = sides.of(row.speaker)
    if side is None and row.agent == row.speaker:
        side = "agent", row.agent
    if side is None:
        log.unknown = row.speaker
        return
    by = (row.agent or side[1]) if side[0] == "agent" else None
    log.turns.append((Turn(side[0], row.message, agent=by), row.said_at))
    # The last word counts.
    log.customer = row.customer or log.customer
    log.status = str(row.status) if row.status is not None else log.status
    log.rating = row.satisfaction or log.rating


def _in_order(
    said: Iterable[tuple[Turn, str | datetime | None]], day_first: bool | None
) -> list[Turn]:
    turns = [replace(turn, time=seconds(at, day_first=day_first)) for turn, at in said]
    if all(turn.time is not None for turn in turns):
        turns.sort(key=lambda turn: turn.time or 0.0)
    return turns


def _resolved(status: str | None) -> bool | None:
    word = (status or "").strip().lower()
    return True if word in YES else False if word in NO else is_resolved(word)

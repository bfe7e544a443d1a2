"""Conversations as help desks export them: one JSON object a conversation, or a message."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, islice

from apps.customer_service.importing.dialogues.speakers import Sides, speaker_of, unknown
from apps.customer_service.importing.dialogues.times import is_day_first, seconds
from apps.customer_service.importing.dialogues.values import (
    MalformedError,
    Record,
    an_object,
    first,
    named,
    objects,
    within,
    words,
)
from apps.customer_service.importing.pages.html import text_of
from apps.customer_service.importing.schema import Dialogue, Rejected, Speaker, Turn

Placed = tuple[str, Record]
Read = Dialogue | Rejected
ReadRecord = Callable[[str, Record], Dialogue]
# Zendesk: good, goodwithcomment, bad, …; Intercom: 1 to 5.
LEAST_PRAISE = 4
DONE = frozenset(
    {"solved", "closed", "resolved", "done", "completed", "已解决", "已完成", "已关闭"}
)
OPEN = frozenset({"new", "open", "pending", "hold", "snoozed", "unresolved", "未解决", "处理中"})
# Chatwoot's enum; activities and templates are written by no one.
MESSAGE_TYPES: dict[str, Speaker] = {
    **{"0": "customer", "incoming": "customer"},
    **{"1": "agent", "outgoing": "agent"},
}
BODIES = ("text", "content", "message", "body", "utterance")
SPEAKERS = ("speaker", "role", "sender", "from", "author", "sender_type")
TURNS = ("turns", "messages", "utterances", "dialogue", "dialog", "conversation", "log")
TIMES = ("time", "timestamp", "said_at", "created_at", "started_at", "date", "sent_at")
# So many conversations tell whether the file writes the day before the month.
LOOKED_AT = 200
IDS = ("dialogue_id", "conversation_id", "dialog_id", "session_id", "chat_id", "id")


def is_resolved(status: object) -> bool | None:
    """What the status of a conversation says; None where it says nothing."""
    word = str(status).strip().lower()
    return True if word in DONE else False if word in OPEN else None


def is_praised(rating: object) -> bool | None:
    """What a rating says: words such as good or 不满意, or 1 to 5; None where it says nothing."""
    word = str("" if rating is None else rating).strip().lower()
    if word.startswith(("good", "satisfied", "positive", "happy", "满意", "非常满意", "好评")):
        return True
    if word.startswith(("bad", "unsatisfied", "dissatisfied", "negative", "不满意", "差评")):
        return False
    number = seconds(word)
    return None if number is None or number > 5 or number == 3 else number >= LEAST_PRAISE


def zendesk(place: str, found: Record) -> Dialogue:
    """A ticket with its comments; a comment that is not public is a note of the agents."""
    record = {**found, **found["ticket"]} if isinstance(found.get("ticket"), dict) else found
    requester = within(record, "requester", "id") or record.get("requester_id")
    turns = []
    for number, comment in enumerate(objects(record.get("comments"), "comments"), start=1):
        if comment.get("public") is False:
            continue
        author = comment.get("author_id") or within(comment, "author", "id")
        is_customer = author is not None and str(author) == str(requester)
        name = next((one for one in ("plain_body", "html_body", "body") if comment.get(one)), "")
        text = words(comment.get(name), f"comments {number}: {name}")
        turns.append(
            Turn(
                "customer" if is_customer else "agent",
                text_of(text) if name == "html_body" else text,
                seconds(comment.get("created_at")),
                None if is_customer else named(author),
            )
        )
    return Dialogue(
        str(record.get("id")),
        turns,
        place,
        customer=named(requester),
        customer_name=named(within(record, "requester", "name")),
        is_resolved=is_resolved(record.get("status")),
        is_praised=is_praised(within(record, "satisfaction_rating", "score")),
    )


def intercom(place: str, record: Record) -> Dialogue:
    """A conversation: the first message is the source, what follows are its parts."""
    source = an_object(record.get("source") or record.get("conversation_message"), "source")
    parts = record.get("conversation_parts")
    if isinstance(parts, dict):
        parts = parts.get("conversation_parts")
    begun = {**source, "created_at": record.get("created_at"), "part_type": "comment"}
    turns = []
    for number, part in enumerate([begun, *objects(parts, "conversation_parts")]):
        where = f"conversation_parts {number}" if number else "source"
        author = an_object(part.get("author"), f"{where}: author")
        kind = speaker_of(str(author.get("type", "")))
        # A note is read by the agents alone.
        if not part.get("body") or part.get("part_type") == "note" or kind is None:
            continue
        side: Speaker = "other" if author.get("from_ai_agent") else kind[0]
        agent = named(author.get("id")) if side == "agent" else None
        text = text_of(words(part["body"], f"{where}: body"))
        turns.append(Turn(side, text, seconds(part.get("created_at")), agent))
    customer = within(source, "author", "id") if _is_customer(source) else None
    return Dialogue(
        str(record.get("id")),
        turns,
        place,
        customer=named(customer),
        customer_name=named(within(source, "author", "name")) if customer else None,
        is_resolved=is_resolved(record.get("state")),
        is_praised=is_praised(within(record, "conversation_rating", "rating")),
    )


def abcd(place: str, record: Record) -> Dialogue:
    """The Action-Based Conversations Dataset: `original` holds pairs of speaker and text."""
    turns = []
    for number, pair in enumerate(record["original"], start=1):
        if not isinstance(pair, list) or len(pair) != 2:
            raise MalformedError(f"original {number}: not a pair of speaker and text")
        side = speaker_of(str(pair[0]))
        text = words(pair[1], f"original {number}")
        turns.append(Turn(side[0] if side else "other", text))
    name = within(record, "scenario", "personal", "customer_name")
    return Dialogue(str(record.get("convo_id")), turns, place, customer_name=named(name))


def nested(place: str, record: Record, sides: Sides, *, day_first: bool | None = None) -> Dialogue:
    """Any conversation that holds the list of its turns."""
    field = next(one for one in TURNS if isinstance(record.get(one), list))
    begun = seconds(first(record, TIMES), day_first=day_first)
    by = named(first(record, ("agent", "agent_id", "agent_name")))
    turns = []
    for number, turn in enumerate(objects(record[field], field), start=1):
        label = first(turn, SPEAKERS)
        if isinstance(label, dict):
            label = first(label, ("type", "role", "name"))
        name = words(label, f"{field} {number}: who speaks")
        side = sides.of(name)
        if side is None:
            raise MalformedError(unknown(name))
        said_at = seconds(first(turn, TIMES), day_first=day_first)
        agent = named(first(turn, ("agent", "agent_id", "agent_name"))) or side[1] or by
        turns.append(
            Turn(
                side[0],
                words(first(turn, BODIES), f"{field} {number}"),
                begun if said_at is None else said_at,
                agent if side[0] == "agent" else None,
            )
        )
    resolved = first(record, ("resolved", "is_resolved"))
    return Dialogue(
        _name_of(place, record),
        turns,
        place,
        customer=named(first(record, ("customer", "customer_id", "user_id", "user"))),
        customer_name=named(record.get("customer_name")),
        is_resolved=resolved if isinstance(resolved, bool) else is_resolved(record.get("status")),
        is_praised=is_praised(first(record, ("rating", "satisfaction", "csat"))),
    )


def chatwoot(placed: Iterable[Placed]) -> Iterator[Read]:
    """Conversations with their messages, or messages that name their conversation."""
    alone: dict[str, list[Placed]] = defaultdict(list)
    for place, record in placed:
        if "messages" in record:
            yield _told(of_chatwoot, place, record)
        else:
            alone[str(record.get("conversation_id"))].append((place, record))
    for name, messages in alone.items():
        whole = {"id": name, "messages": [record for _, record in messages]}
        yield _told(of_chatwoot, messages[0][0], whole)


def of_chatwoot(place: str, record: Record) -> Dialogue:
    """A conversation of Chatwoot with its messages."""
    turns, customer, name = [], within(record, "meta", "sender", "id"), None
    for number, message in enumerate(objects(record["messages"], "messages"), start=1):
        side = MESSAGE_TYPES.get(str(message.get("message_type")))
        if message.get("private") or side is None or not message.get("content"):
            continue
        sender = an_object(message.get("sender"), f"messages {number}: sender")
        if str(sender.get("type") or message.get("sender_type") or "").lower() == "agent_bot":
            side = "other"
        if side == "customer":
            customer, name = customer or sender.get("id"), name or sender.get("name")
        agent = named(sender.get("id")) if side == "agent" else None
        text = words(message["content"], f"messages {number}: content")
        turns.append(Turn(side, text, seconds(message.get("created_at")), agent))
    turns.sort(key=lambda turn: turn.time or 0.0)
    return Dialogue(
        str(record.get("id")),
        turns,
        place,
        customer=named(customer),
        customer_name=named(name or within(record, "meta", "sender", "name")),
        is_resolved=is_resolved(record.get("status")),
    )


def _is_customer(source: Record) -> bool:
    kind = speaker_of(str(within(source, "author", "type") or ""))
    return kind is not None and kind[0] == "customer"


def _name_of(place: str, record: Record) -> str:
    return named(first(record, IDS)) or named(record.get("convo_id")) or place


def _told(read: ReadRecord, place: str, record: Record) -> Read:
    """A dialogue, or why a record is none: one that is malformed spoils no other."""
    try:
        return read(place, record)
    except MalformedError as error:
        return Rejected(place, str(error), dialogue_id=_name_of(place, record))


FORMS: dict[str, ReadRecord] = {"Zendesk": zendesk, "Intercom": intercom, "ABCD": abcd}
CHATWOOT, CONVERSATIONS = "Chatwoot", "conversations"
NAMES = frozenset({*FORMS, CHATWOOT, CONVERSATIONS})


def read_exported(form: str, placed: Iterable[Placed], sides: Sides) -> Iterator[Read]:
    """The dialogues of an export of one of `NAMES`."""
    if form == CHATWOOT:
        yield from chatwoot(placed)
        return
    if form != CONVERSATIONS:
        for place, record in placed:
            yield _told(FORMS[form], place, record)
        return
    placed = iter(placed)
    head = list(islice(placed, LOOKED_AT))
    day_first = is_day_first(chain.from_iterable(_times(record) for _, record in head))
    for place, record in chain(head, placed):
        yield _told(partial(nested, sides=sides, day_first=day_first), place, record)


def _times(record: Record) -> Iterator[object]:
    yield first(record, TIMES)
    turns = next(record[one] for one in TURNS if isinstance(record.get(one), list))
    yield from (first(turn, TIMES) for turn in turns if isinstance(turn, dict))


def form_of(record: Record) -> str | None:
    """Whose export a record comes from; None where it is none of them."""
    if isinstance(record.get("comments"), list) and not {"question", "answer"} & record.keys():
        return "Zendesk"
    if "conversation_parts" in record or (
        "source" in record and isinstance(record["source"], dict)
    ):
        return "Intercom"
    if "message_type" in record and ("conversation_id" in record or "content" in record):
        return "Chatwoot"
    if isinstance(record.get("original"), list) and "convo_id" in record:
        return "ABCD"
    lists = [record[name] for name in TURNS if isinstance(record.get(name), list)]
    turns = [turn for turn in lists[0] if isinstance(turn, dict)] if lists else []
    if turns:
        return CHATWOOT if "message_type" in turns[0] else CONVERSATIONS
    return None

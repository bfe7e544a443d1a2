"""Conversations as help desks export them: one JSON object a conversation, or a message."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from apps.customer_service.importing.dialogues.speakers import speaker_of
from apps.customer_service.importing.dialogues.times import seconds
from apps.customer_service.importing.pages.html import text_of
from apps.customer_service.importing.schema import Dialogue, Rejected, Speaker, Turn

Record = Mapping[str, Any]
Placed = tuple[str, Record]
Read = Dialogue | Rejected
# Zendesk: good, goodwithcomment, bad, …; Intercom: 1 to 5.
LEAST_PRAISE = 4
DONE = frozenset(
    {"solved", "closed", "resolved", "done", "completed", "已解决", "已完成", "已关闭"}
)
OPEN = frozenset({"new", "open", "pending", "hold", "snoozed", "unresolved", "未解决", "处理中"})
# Chatwoot's enum; activities and templates are written by no one.
MESSAGE_TYPES: dict[object, Speaker] = {
    **{0: "customer", "0": "customer", "incoming": "customer"},
    **{1: "agent", "1": "agent", "outgoing": "agent"},
}
BODIES = ("text", "content", "message", "body", "utterance")
SPEAKERS = ("speaker", "role", "sender", "from", "author", "sender_type")
TURNS = ("turns", "messages", "utterances", "dialogue", "dialog", "conversation", "log")
TIMES = ("time", "timestamp", "said_at", "created_at", "started_at", "date", "sent_at")
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


def zendesk(placed: Iterable[Placed]) -> Iterator[Read]:
    """Tickets with their comments; a comment that is not public is a note of the agents."""
    for place, found in placed:
        record = {**found, **found["ticket"]} if isinstance(found.get("ticket"), dict) else found
        requester = _of(record, "requester", "id") or record.get("requester_id")
        turns = []
        for comment in record.get("comments") or ():
            if comment.get("public") is False:
                continue
            author = comment.get("author_id") or _of(comment, "author", "id")
            is_customer = author is not None and str(author) == str(requester)
            text = comment.get("plain_body") or comment.get("body") or ""
            if "plain_body" not in comment and comment.get("html_body"):
                text = text_of(str(comment["html_body"]))
            turns.append(
                Turn(
                    "customer" if is_customer else "agent",
                    str(text).replace("&nbsp;", " ").strip(),
                    seconds(comment.get("created_at")),
                    None if is_customer else _text(author),
                )
            )
        yield Dialogue(
            str(record.get("id")),
            turns,
            place,
            customer=_text(requester),
            customer_name=_text(_of(record, "requester", "name")),
            is_resolved=is_resolved(record.get("status")),
            is_praised=is_praised(_of(record, "satisfaction_rating", "score")),
        )


def intercom(placed: Iterable[Placed]) -> Iterator[Read]:
    """Conversations: the first message is the source, what follows are its parts."""
    for place, record in placed:
        source = record.get("source") or record.get("conversation_message") or {}
        parts = record.get("conversation_parts") or ()
        if isinstance(parts, dict):
            parts = parts.get("conversation_parts") or ()
        first = {**source, "created_at": record.get("created_at"), "part_type": "comment"}
        turns = []
        for part in (first, *parts):
            author = part.get("author") or {}
            kind = speaker_of(str(author.get("type", "")))
            # A note is read by the agents alone.
            if not part.get("body") or part.get("part_type") == "note" or kind is None:
                continue
            side: Speaker = "other" if author.get("from_ai_agent") else kind[0]
            agent = _text(author.get("id")) if side == "agent" else None
            text = text_of(str(part["body"]))
            turns.append(Turn(side, text, seconds(part.get("created_at")), agent))
        customer = _of(source, "author", "id") if _is_customer(source) else None
        yield Dialogue(
            str(record.get("id")),
            turns,
            place,
            customer=_text(customer),
            customer_name=_text(_of(source, "author", "name")) if customer else None,
            is_resolved=is_resolved(record.get("state")),
            is_praised=is_praised(_of(record, "conversation_rating", "rating")),
        )


def chatwoot(placed: Iterable[Placed]) -> Iterator[Read]:
    """Conversations with their messages, or messages that name their conversation."""
    alone: dict[str, list[Placed]] = defaultdict(list)
    for place, record in placed:
        if "messages" in record:
            yield _of_chatwoot(place, record, record["messages"] or ())
        else:
            alone[str(record.get("conversation_id"))].append((place, record))
    for name, messages in alone.items():
        records = [record for _, record in messages]
        yield _of_chatwoot(messages[0][0], {"id": name}, records)


def _of_chatwoot(place: str, record: Record, messages: Iterable[Record]) -> Dialogue:
    turns, customer, name = [], _of(record, "meta", "sender", "id"), None
    for message in messages:
        side = MESSAGE_TYPES.get(message.get("message_type"))
        if message.get("private") or side is None or not message.get("content"):
            continue
        sender = message.get("sender") or {}
        if str(sender.get("type") or message.get("sender_type") or "").lower() == "agent_bot":
            side = "other"
        if side == "customer":
            customer, name = customer or sender.get("id"), name or sender.get("name")
        agent = _text(sender.get("id")) if side == "agent" else None
        text = str(message["content"]).strip()
        turns.append(Turn(side, text, seconds(message.get("created_at")), agent))
    turns.sort(key=lambda turn: turn.time or 0.0)
    return Dialogue(
        str(record.get("id")),
        turns,
        place,
        customer=_text(customer),
        customer_name=_text(name or _of(record, "meta", "sender", "name")),
        is_resolved=is_resolved(record.get("status")),
    )


def abcd(placed: Iterable[Placed]) -> Iterator[Read]:
    """The Action-Based Conversations Dataset: `original` holds pairs of speaker and text."""
    for place, record in placed:
        turns = []
        for speaker, text in record["original"]:
            side = speaker_of(speaker)
            turns.append(Turn(side[0] if side else "other", str(text).strip()))
        name = _of(record, "scenario", "personal", "customer_name")
        yield Dialogue(str(record.get("convo_id")), turns, place, customer_name=_text(name))


def nested(placed: Iterable[Placed]) -> Iterator[Read]:
    """Any conversation that holds the list of its turns."""
    for place, record in placed:
        name = next((str(record[one]) for one in IDS if record.get(one) is not None), place)
        turns, unknown, begun = [], "", seconds(_first(record, TIMES))
        for turn in next(record[one] for one in TURNS if isinstance(record.get(one), list)):
            label = _first(turn, SPEAKERS)
            if isinstance(label, dict):
                label = label.get("type") or label.get("role") or label.get("name")
            side = speaker_of(str(label))
            text = str(_first(turn, BODIES) or "").strip()
            time = seconds(_first(turn, TIMES))
            time = begun if time is None else time
            if side is None:
                unknown = str(label)
                continue
            agent = _text(_first(turn, ("agent", "agent_id", "agent_name")))
            turns.append(
                Turn(side[0], text, time, (agent or side[1]) if side[0] == "agent" else None)
            )
        if unknown:
            yield Rejected(place, f"who speaks is not known: {unknown!r}", dialogue_id=name)
            continue
        agent = _text(_first(record, ("agent", "agent_id", "agent_name")))
        if agent:
            turns = [_by(turn, agent) for turn in turns]
        resolved = _first(record, ("resolved", "is_resolved"))
        if not isinstance(resolved, bool):
            resolved = is_resolved(record.get("status"))
        yield Dialogue(
            name,
            turns,
            place,
            customer=_text(_first(record, ("customer", "customer_id", "user_id", "user"))),
            customer_name=_text(record.get("customer_name")),
            is_resolved=resolved
            if isinstance(resolved, bool)
            else is_resolved(record.get("status")),
            is_praised=is_praised(_first(record, ("rating", "satisfaction", "csat"))),
        )


def _by(turn: Turn, agent: str) -> Turn:
    if turn.speaker != "agent" or turn.agent:
        return turn
    return Turn(turn.speaker, turn.text, turn.time, agent)


def _is_customer(source: Record) -> bool:
    kind = speaker_of(str(_of(source, "author", "type") or ""))
    return kind is not None and kind[0] == "customer"


def _first(record: Record, names: Iterable[str]) -> Any:
    return next((record[name] for name in names if record.get(name) is not None), None)


def _of(record: Record, *names: str) -> Any:
    """A value some levels down, or None."""
    value: Any = record
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _text(value: object) -> str | None:
    return None if value is None or value == "" else str(value)


FORMS: dict[str, Callable[[Iterable[Placed]], Iterator[Read]]] = {
    "Zendesk": zendesk,
    "Intercom": intercom,
    "Chatwoot": chatwoot,
    "ABCD": abcd,
    "conversations": nested,
}


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
    if lists and lists[0] and isinstance(lists[0][0], dict):
        return "Chatwoot" if "message_type" in lists[0][0] else "conversations"
    return None

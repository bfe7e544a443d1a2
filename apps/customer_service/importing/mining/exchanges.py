"""A dialogue → what the customer asked, each with the agent's best reply."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from apps.customer_service.importing.mining.messages import (
    Message,
    is_any,
    joined,
    messages_of,
    without_name,
)
from apps.customer_service.importing.schema import Dialogue, Exchange, Rejected
from apps.customer_service.importing.wording import Mark, mark
from common.console import progress
from common.records.personal import mask
from common.records.text import CHINESE, normalise

DIALOGUES_AT_ONCE = 2000
# A request that is longer tells a story: its questions alone are taken.
LONGEST_REQUEST = 160
# What leans on what was said before and is no longer than this says too little by itself.
LONGEST_LEANING = 60
# "Also, how do I …" asks by itself.
ADDING = re.compile(r"(?i)^(?:and also|also|by the way|another question|另外|还有|对了)[\s,，:：]+")
# "Sorry, my mistake: …", "不好意思说错了，…": what follows is the answer.
TAKEN_BACK = re.compile(
    r"(?i)^(?:(?:不好意思|抱歉|对不起)[,，\s]*)?(?:我)?(?:刚才|刚刚)?(?:[说记看写]错了|(?:更正|纠正)(?:一下)?)"
    r"[,，。:：!！\s]*"
    r"|^(?:sorry[,.]? )?(?:i was wrong|my mistake|correction|(?:let me|i need to) correct"
    r" (?:that|myself))[\s,.:;–—-]+"
)
MASK = re.compile(r"<(?:card|email|iban|id|ip|name|passport|phone|plate)>")
POLITE = Mark.greeting | Mark.holding | Mark.closing
# A longer sentence says something beside its politeness.
LONGEST_POLITE = {True: 30, False: 90}
SHORTEST = {True: 6, False: 15}
SHORTEST_REQUEST = {True: 4, False: 8}
# Of what neither asks nor complains: "实体店营业时间".
SHORTEST_TOLD = {True: 6, False: 16}

OWN_ACCOUNT = "answers about one customer's own account"
NO_REPLY = "no agent replied"
NO_ANSWER = "the agent asked, or asked to wait, and did not answer"
NO_REQUEST = "no request: nothing is asked"
SUSPICIOUS = "reads like an instruction to a model, or a program"
FOLLOW_UP = "leans on what was said before, and does not stand by itself"


@dataclass(frozen=True, slots=True)
class _Reply:
    text: str
    message: Message
    is_thanked: bool
    is_doubted: bool
    is_correction: bool


def find_exchanges(dialogues: Sequence[Dialogue]) -> Iterator[Exchange | Rejected]:
    """The exchanges of all dialogues, and why others gave none."""
    with progress("Reading dialogues", len(dialogues)) as advance:
        for start in range(0, len(dialogues), DIALOGUES_AT_ONCE):
            group = dialogues[start : start + DIALOGUES_AT_ONCE]
            told = [(dialogue, messages_of(dialogue)) for dialogue in group]
            marks = mark(part for _, said in told for message in said for part in message.sentences)
            for dialogue, said in told:
                yield from _of_dialogue(dialogue, said, marks)
                advance()


def _of_dialogue(
    dialogue: Dialogue, said: Sequence[Message], marks: Mapping[str, Mark]
) -> Iterator[Exchange | Rejected]:
    asked = _requests(said, marks)
    if not any(text for _, text in asked):
        text = joined([part for one in said if one.speaker == "customer" for part in one.sentences])
        is_suspicious = is_any((p for one in said for p in one.sentences), marks, Mark.suspicious)
        reason = SUSPICIOUS if is_suspicious else NO_REQUEST
        yield Rejected(dialogue.place, reason, masked(text[:300]), dialogue.id)
        return
    ends = [place for place, _ in asked[1:]] + [len(said)]
    for (place, text), end in zip(asked, ends, strict=True):
        if not text:
            about = masked(joined(said[place].sentences))
            yield Rejected(dialogue.place, FOLLOW_UP, about, dialogue.id)
            continue
        after = said[end] if end < len(said) else None
        reply, reason = _best_reply(said[place + 1 : end], after, marks)
        if reply is None:
            yield Rejected(dialogue.place, reason, masked(text), dialogue.id)
            continue
        whole = [*said[place].sentences, *reply.message.sentences]
        yield Exchange(
            request=masked(text),
            reply=reply.text,
            dialogue_id=dialogue.id,
            place=dialogue.place,
            time=reply.message.time or said[place].time,
            agent=reply.message.agent,
            customer=dialogue.customer,
            is_resolved=dialogue.is_resolved,
            is_praised=dialogue.is_praised,
            is_thanked=reply.is_thanked,
            is_doubted=reply.is_doubted,
            is_suspicious=is_any(whole, marks, Mark.suspicious),
        )


def _requests(said: Sequence[Message], marks: Mapping[str, Mark]) -> list[tuple[int, str]]:
    """Where each request stands, and its text; empty where it does not stand by itself."""
    found: list[tuple[int, str]] = []
    is_asked = False
    for place, message in enumerate(said):
        if message.speaker != "customer":
            continue
        content = [part for part in message.sentences if not _is_small_talk(part, marks)]
        if not content:
            continue
        if not found:
            if text := _request_text(content, marks):
                found.append((place, text))
                is_asked = is_any(content, marks, Mark.question | Mark.problem)
            continue
        is_asked_back = _asks_customer(said[place - 1], marks)
        if is_any(content, marks, Mark.doubt):
            continue
        asking = [part for part in content if marks[part] & Mark.question]
        if asking and not is_asked and not _is_answered(said[found[0][0] : place], marks):
            # What came first asked nothing: it only led up to this.
            found = [(place, _request_text(content, marks))]
            is_asked = True
            continue
        also = Mark.adding | Mark.problem
        adding = [part for part in content if marks[part] & also == also]
        if not (asking or adding) or (is_asked_back and not asking):
            continue
        if not _leans(asking or adding, marks):
            found.append((place, _request_text(content, marks)))
        elif not is_asked_back and _is_answered(said[found[-1][0] : place], marks):
            found.append((place, ""))
    return found


def _is_answered(window: Sequence[Message], marks: Mapping[str, Mark]) -> bool:
    """Whether an agent said something; before that, what leans on a request makes it clearer."""
    return any(_answer_text(one, marks)[0] for one in window if one.speaker == "agent")


def _is_small_talk(part: str, marks: Mapping[str, Mark]) -> bool:
    kind = marks[part]
    if kind & (Mark.greeting | Mark.identification | Mark.vague | Mark.suspicious):
        return True
    is_short = len(part) <= LONGEST_POLITE[_is_chinese(part)]
    return bool(kind & (Mark.thanks | Mark.closing)) and not kind & Mark.question and is_short


def _request_text(content: Sequence[str], marks: Mapping[str, Mark]) -> str:
    """What is asked, or the whole where it is short; nothing where nothing is asked."""
    asking = [part for part in content if marks[part] & (Mark.question | Mark.problem)]
    whole = ADDING.sub("", joined(content))
    whole = whole[:1].upper() + whole[1:] if whole != joined(content) else whole
    if len(whole) <= LONGEST_REQUEST:
        return whole if asking or len(whole) >= SHORTEST_TOLD[_is_chinese(whole)] else ""
    questions = [part for part in asking if marks[part] & Mark.question]
    return joined((questions or asking or content)[:2])


def _leans(parts: Sequence[str], marks: Mapping[str, Mark]) -> bool:
    text = joined(parts)
    if len(text) < SHORTEST_REQUEST[_is_chinese(text)] or is_any(parts, marks, Mark.follow_up):
        return True
    return len(text) <= LONGEST_LEANING and is_any(parts, marks, Mark.leaning)


def _asks_customer(message: Message, marks: Mapping[str, Mark]) -> bool:
    """Whether an agent's message ends with a question to the customer."""
    if message.speaker != "agent" or not message.sentences:
        return False
    last = marks[message.sentences[-1]]
    return bool(last & Mark.enquiry) and not last & (Mark.greeting | Mark.closing)


def _best_reply(
    window: Sequence[Message], after: Message | None, marks: Mapping[str, Mark]
) -> tuple[_Reply | None, str]:
    """The reply that answers, among all up to the next request; or why there is none.

    What corrects an earlier reply is taken before it; what the customer doubts, after others; what
    is thanked for, before; then the one that says more.
    """
    replies, reason = [], NO_REPLY
    for place, message in enumerate(window):
        if message.speaker != "agent":
            continue
        text, is_own = _answer_text(message, marks)
        if not text:
            reason = OWN_ACCOUNT if is_own or reason == OWN_ACCOUNT else NO_ANSWER
            continue
        heard = window[place + 1] if place + 1 < len(window) else after
        said = heard.sentences if heard and heard.speaker == "customer" else []
        doubted = is_any(said, marks, Mark.doubt)
        thanked = is_any(said, marks, Mark.thanks) and not doubted
        correction = is_any(message.sentences, marks, Mark.correction)
        replies.append(_Reply(text, message, thanked, doubted, correction))
    if not replies:
        return None, reason
    return max(replies, key=_rank), ""


def _rank(reply: _Reply) -> tuple[bool, bool, bool, int]:
    weight = 3 if CHINESE.search(reply.text) else 1
    said = min(len(reply.text) * weight, 240)
    return reply.is_correction, not reply.is_doubted, reply.is_thanked, said


def _answer_text(message: Message, marks: Mapping[str, Mark]) -> tuple[str, bool]:
    """What of a message may be told to anybody, and whether some of it may not."""
    kept: list[str] = []
    is_own = False
    for part in message.sentences:
        kind = marks[part]
        if TAKEN_BACK.match(part):
            kept.clear()
        is_short = len(part) <= LONGEST_POLITE[_is_chinese(part)]
        if kind & Mark.own_account:
            is_own = True
        elif kind & (Mark.enquiry | Mark.suspicious) or (kind & POLITE and is_short):
            continue
        elif MASK.search(text := masked(without_name(TAKEN_BACK.sub("", part)))):
            is_own = True
        elif text and not (kind & Mark.thanks and len(text) < SHORTEST_TOLD[False]):
            kept.append(text[:1].upper() + text[1:])
    text = joined(kept)
    # "19.9 % a year." says enough, "Of course I do." does not.
    is_enough = len(text) >= SHORTEST[_is_chinese(text)] or any(map(str.isdigit, text))
    return (text if is_enough else ""), is_own


def masked(text: str) -> str:
    """A text with personal data masked; as it was written where there is none."""
    plain = normalise(text)
    hidden = mask(plain)
    return " ".join(text.split()) if hidden == plain else hidden


def _is_chinese(text: str) -> bool:
    return bool(CHINESE.search(text))

"""A dialogue's turns as messages: what one side says before the other answers, by sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from apps.customer_service.importing.schema import Dialogue, Speaker
from apps.customer_service.importing.wording import Mark, sentences

# Politeness before what is meant: "Sorry about that, …", "亲，…". What goes on is a sentence.
PREFACE = re.compile(
    r"""^(?:
      (?:hi|hello|hey|good\s(?:morning|afternoon|evening)|dear)
        (?:\s(?:there|all|team|everyone|<name>))?(?!\s\w+\W*$)
    | sure(?:\sthing)? | of\scourse | certainly | ok(?:ay)? | alright | right | great | well
    | so(?!\sfar\b) | and(?=\s(?:are|is|do|does|can|will|when|where|how|what|who|which)(?:\s\S+){4})
    | no\s(?:problem|worries) | oh\s(?:no|dear) | (?:thanks|thank\syou)(?!\sfor\b)
    | got\sit | i\ssee(?=[,.!])
    | absolutely | please | um+ | ah | oh | (?:great|good)\squestion | (?:happy|glad)\sto\shelp
    | (?:i'm\s|i\sam\s)?(?:very\s|so\s|really\s)?sorry(?!\syou\b)
        (?:\s(?:to\shear|about|for)\s[^,.!?]{1,40}(?=[,.!]|\sbut\b))?(?:,?\sbut\b)?
    | (?:my\s)?apologies(?:\sfor\s[^,.!?]{1,40}(?=[,.!]))?
    | (?:thanks|thank\syou)\sfor\s[^,.!?]{1,40}(?=[,.!])
    | [您你]好[呀啊哦]? | 亲爱的 | 亲亲 | 亲 | 哈喽 | 嗨 | 好的呢? | 好滴 | 嗯+ | 是这样的
    | 明白 | 理解 | 抱歉 | 不好意思 | 非常抱歉 | 很抱歉 | 请问一下 | 请问 | 那个
    )[\s,，.。!！~～:：;；—–-]+""",
    re.IGNORECASE | re.VERBOSE,
)
# "Sure Anna, you can": a customer's name goes with the comma or the space before it.
VOCATIVE = re.compile(r"[,，]?\s*<name>(?:\s<name>)*\s*([,，.!！]?)")
NAME_ASKED = re.compile(r"(?i)\byour (?:full |first )*name\b|怎么称呼|贵姓|您的姓名|您的名字")
WORD = r"[^\W\d_][\w'’-]*"
NAME = re.compile(
    rf"(?:(?:it's|it is|i'm|this is|my name is|我叫|我是|我姓)\s*)?"
    rf"({WORD}(?:\s{WORD}){{0,2}})[.!]?",
    re.IGNORECASE,
)
INTRODUCED = re.compile(
    rf"(?:[Mm]y name(?:['’]s| is)|I['’]m|I am|[Tt]his is) ([A-Z]{WORD}(?: [A-Z]{WORD})?)"
    r"|我(?:叫|的名字是)([\u4e00-\u9fff]{2,3})(?![\u4e00-\u9fff])"
)
MOST_CHARACTERS = 4000


@dataclass(frozen=True, slots=True)
class Message:
    """Sentences of one side in a row."""

    speaker: Speaker
    sentences: list[str]
    time: float | None
    agent: str | None


def messages_of(dialogue: Dialogue) -> list[Message]:
    """The messages of both sides, the customer's name masked; bots and notes are left out."""
    hide = _hiding(dialogue)
    found: list[Message] = []
    for turn in dialogue.turns:
        if turn.speaker == "other" or not turn.text:
            continue
        said = [without_preface(one) for one in sentences(hide(turn.text[:MOST_CHARACTERS]))]
        said = [one for one in said if one]
        if found and found[-1].speaker == turn.speaker and found[-1].agent == turn.agent:
            found[-1].sentences.extend(said)
        else:
            found.append(Message(turn.speaker, said, turn.time, turn.agent))
    return found


def without_preface(sentence: str) -> str:
    """What a sentence says behind its politeness; whole where it is nothing else."""
    rest = sentence
    while (found := PREFACE.match(rest)) and found.end() < len(rest):
        rest = rest[found.end() :]
    return rest if rest[:1].isupper() or rest == sentence else rest[:1].upper() + rest[1:]


def without_name(text: str) -> str:
    """A reply that does not call the customer by name."""
    return VOCATIVE.sub(r"\1", text).lstrip(" ,，") if "<name>" in text else text


def joined(parts: Sequence[str]) -> str:
    """Sentences as one text: a space between them, where they are not Chinese."""
    text = ""
    for part in parts:
        is_tight = not text or (not text[-1].isascii() and not part[0].isascii())
        text += part if is_tight else f" {part}"
    return text


def is_any(parts: Iterable[str], marks: Mapping[str, Mark], kinds: Mark) -> bool:
    """Whether one of the sentences is of one of these kinds."""
    return any(marks[part] & kinds for part in parts)


def _hiding(dialogue: Dialogue) -> _Hiding:
    names = set((dialogue.customer_name or "").split())
    if len(names) > 1:
        names.add(dialogue.customer_name or "")
    for turn in dialogue.turns:
        if turn.speaker == "customer":
            names.update(n for m in INTRODUCED.finditer(turn.text) for n in (m[1] or m[2]).split())
    for before, after in pairwise(dialogue.turns):
        if before.speaker != "agent" or after.speaker != "customer":
            continue
        if NAME_ASKED.search(before.text) and (said := NAME.fullmatch(after.text.strip())):
            names |= {said[1], *said[1].split()}
    return _Hiding([name for name in names if len(name) > 1])


class _Hiding:
    """Puts `<name>` where a customer's name stands."""

    def __init__(self, names: Sequence[str]) -> None:
        longest_first = sorted(names, key=lambda name: (-len(name), name))
        parts = [rf"\b{re.escape(n)}\b" if n.isascii() else re.escape(n) for n in longest_first]
        self.pattern = re.compile("|".join(parts), re.IGNORECASE) if parts else None

    def __call__(self, text: str) -> str:
        return self.pattern.sub("<name>", text) if self.pattern else text

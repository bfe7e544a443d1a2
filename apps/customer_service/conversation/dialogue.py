"""From a message and what was said before to a reply."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from apps.customer_service.answers.answering import Answerer, Understood, other_language
from apps.customer_service.conversation import replies
from apps.customer_service.conversation.context import Reader, Reading
from apps.customer_service.conversation.following import correction, follow_up, going_on, is_agreed
from apps.customer_service.conversation.kinds import Recognised, Recogniser
from apps.customer_service.conversation.message import Message
from apps.customer_service.conversation.parting import part
from apps.customer_service.conversation.patterns import Patterns
from apps.customer_service.conversation.turns import CHAT
from apps.customer_service.rules.deciding import Ruling, rule_on
from apps.customer_service.rules.schema import AnswerRule, AnswerRules
from apps.customer_service.schema import Answer, Citation, Handoff, Kind, Mood, Part, Priority

AnyKind = TypeVar("AnyKind", bound=Kind)

# The order in which kinds speak for a message that asks nothing.
MOODS: tuple[Mood, ...] = ("distress", "angry")
# A sentence is taken for a question unless it is so certainly none. Of held-out examples 81 % of
# what is none are found, and 8 % of what is off topic, 15 % of the nonsense are taken for it.
LEAST_CERTAIN = 0.65
# What an FAQ may well answer is none only if it is nearly certain.
NEARLY_CERTAIN = 0.95
FOUND = 0.5
# What asks nothing and no FAQ is near to is small talk if that is likelier than not.
FAR = 0.3
LIKELY = 0.5
# Of six invented pieces of nonsense one was as certain as this, of six things told all but one.
TELLING = 0.3
# What is handed over at once, whatever else is asked.
CERTAINLY_URGENT = 0.8
CLEARLY_WANTED = 0.85
# "What if I miss it?" is near to what people in distress say: a part of a question is taken for
# something else only where that is as probable.
LEAST_PROBABLE = 0.72
# What is said to these goes by no FAQ that is searched.
NOT_SEARCHED: frozenset[Kind] = CHAT | {"choice", "wants_person"}
CHATTED: tuple[Kind, ...] = ("identity", "goodbye", "thanks", "greeting", "smalltalk")


@dataclass(frozen=True)
class Dialogue:
    """Replies to messages by one release, and by the rules of the business before it."""

    answerer: Answerer
    recogniser: Recogniser
    patterns: Patterns
    rules: AnswerRules | None = None

    def reply(
        self,
        message: Message,
        understood: Mapping[str, Understood],
        *,
        language: str | None = None,
        top_k: int = 3,
    ) -> Answer:
        """What is said to a message.

        Args:
            understood: what the model makes of each of the message's texts.
            language: look among FAQs of this language instead of the message's.
        """
        searched = language or message.language
        ruling = self._ruling(message, understood[message.question])
        reader = Reader(
            self.answerer, message.question, understood, searched, top_k, ruling.kept_out
        )
        # No rule stands between somebody in danger and a person.
        if urgent := self._urgency(message, understood):
            return self._hand_over(reader, message, urgent, urgent, "urgent")
        if ruling.answer is not None:
            answer = self._ruled(reader, message, ruling.answer)
        else:
            answer = self._reply(reader, message)
        kept_out = None if answer.kind in NOT_SEARCHED else reader.first_kept_out
        return ruling.applied(answer, message.language, kept_out)

    def _ruling(self, message: Message, understood: Understood) -> Ruling:
        intents = understood.intents
        return rule_on(
            self.rules,
            message.text,
            language=message.language,
            intent=max(intents, key=lambda name: intents[name]) if intents else None,
            faqs=self.answerer.faqs,
        )

    def _ruled(self, reader: Reader, message: Message, rule: AnswerRule) -> Answer:
        """What a rule decides: the FAQ that it names, or a person."""
        if rule.faq_id is not None:
            only_in = other_language(message.question, self.answerer.faqs[rule.faq_id])
            answer = self._given(reader, message, rule.faq_id)
            return answer.model_copy(update={"only_in": only_in})
        queue = rule.to if isinstance(rule.to, str) else None
        handoff = Handoff(reason="rule", priority=rule.priority or "normal", queue=queue)
        said = replies.reply("wants_person", message.language)
        return self._to_person(reader, message, "question", said, handoff)

    def _reply(self, reader: Reader, message: Message) -> Answer:
        saying = [one for one in message.sentences if not self.patterns.says_nothing(one)]
        sentences = saying or message.sentences
        kinds = {one: self._kind_of(reader, message, one) for one in sentences}
        mood = self.patterns.mood_of(message.text) or _first(MOODS, kinds.values())
        asking = [sentence for sentence, kind in kinds.items() if kind is None]
        if self._wants_person(message, kinds, asking):
            return self._hand_over(reader, message, "wants_person", mood)
        if message.chosen is not None and message.chosen not in reader.kept_out:
            answer = self._given(reader, message, message.chosen)
            question = self.answerer.faqs[message.chosen].question
            return answer.model_copy(update={"kind": "choice", "understood_as": question})
        if asking or message.corrects:
            answer = self._answer(reader, message, asking)
            return _in_kind(answer, mood, message.language) if mood else answer
        if mood:
            return self._in_mood(reader, message, mood)
        return self._chat(reader, message, _first(CHATTED, kinds.values()) or "smalltalk")

    def _urgency(self, message: Message, understood: Mapping[str, Understood]) -> Mood | None:
        """By its words; or a sentence is near to what others said in danger."""
        if mood := self.patterns.urgency(message.text):
            return mood
        found = (
            self.recogniser.recognise(one, understood[one].vector) for one in message.sentences
        )
        return "distress" if max(one.urgency for one in found) >= CERTAINLY_URGENT else None

    def _wants_person(
        self, message: Message, kinds: Mapping[str, Kind | None], asking: Sequence[str]
    ) -> bool:
        """By its words; or what it ends with, or all of it, is near to what others said for that.

        Beside a question, "I called your agents twice" asks for nobody.
        """
        if self.patterns.wants_person.search(message.text):
            return self.patterns.kind_of(message.text) != "identity"
        said = [*kinds.values()]
        return "wants_person" in (said[-1:] if asking else said)

    def _kind_of(self, reader: Reader, message: Message, sentence: str) -> Kind | None:
        """What a sentence says that asks nothing; None: it is a question."""
        if kind := self.patterns.kind_of(sentence):
            return kind
        found = self.recogniser.recognise(sentence, reader.understood[sentence].vector)
        if found.kind == "wants_person" and found.probability >= CLEARLY_WANTED:
            return found.kind
        reading = reader.read(sentence)
        # What an FAQ answers is a question, however it sounds. "I typed it wrong three times" is
        # small talk only to who does not know of what.
        may_be_part = found.kind == "smalltalk" and found.certainty < NEARLY_CERTAIN
        is_part = may_be_part and is_agreed(reader, message, reading)
        if reading.is_answered or is_part:
            return None
        return self._unanswered_kind(message, sentence, reading, found)

    def _unanswered_kind(
        self, message: Message, sentence: str, reading: Reading, found: Recognised
    ) -> Kind | None:
        asks = self.patterns.asks.search(sentence) is not None
        goes_on = message.before is not None and self.patterns.goes_on(sentence)
        if goes_on and asks:
            return found.kind if found.probability >= LEAST_PROBABLE else None
        mood = self.patterns.mood_of(sentence)
        confidence = reading.answer.confidence
        is_near = confidence >= FOUND and not mood
        if found.certainty >= (NEARLY_CERTAIN if is_near else LEAST_CERTAIN):
            return found.kind
        if asks or confidence >= FOUND:
            return None
        if mood or goes_on or confidence >= FAR or found.everyday < LIKELY:
            return mood
        if found.certainty >= LIKELY and found.probability > found.nonsense:
            return found.kind
        # "We are off to the sea" tells something, nonsense nothing, and "sing me a song" asks.
        return "smalltalk" if found.tells and found.certainty >= TELLING else None

    def _answer(self, reader: Reader, message: Message, asking: Sequence[str]) -> Answer:
        alone = reader.read(message.question)
        if len(asking) < len(message.sentences):
            others = [reader.read(sentence) for sentence in asking]
            alone = max([alone, *others], key=lambda one: one.answer.confidence)
        if message.corrects:
            return _read_as(correction(reader, message, alone), "correction")
        if parts := part(reader, message, self.patterns):
            return _of_parts(alone.answer, parts)
        if following := follow_up(reader, message, alone, self.patterns):
            return _read_as(following, "follow_up")
        return alone.answer

    def _in_mood(self, reader: Reader, message: Message, mood: Mood) -> Answer:
        """Who only says how they feel is told again what it is about; else a person takes over.

        A person takes over, too, where the turn before was told in that mood already.
        """
        before = message.before
        told = before.on_the_table if before and before.kind not in MOODS else []
        about = [one for one in told if one in self.answerer.faqs and one not in reader.kept_out]
        if not about:
            return self._hand_over(reader, message, mood, mood)
        if message.joined:
            answer = _read_as(reader.asked_back(going_on(reader, message)), "follow_up")
        else:
            answer = self._given(reader, message, about[0])
        return _in_kind(answer, mood, message.language)

    def _given(self, reader: Reader, message: Message, faq_id: str) -> Answer:
        """An FAQ that is known to be right, not guessed: chosen of those shown, or by a rule."""
        faq = self.answerer.faqs[faq_id]
        citation = Citation(faq_id=faq.id, question=faq.question, url=faq.url, score=1.0)
        found = {
            "decision": "answer",
            "answer": faq.answer,
            "confidence": 1.0,
            "citations": [citation],
            "suggestions": [],
            "handoff": None,
        }
        return reader.read(message.question).answer.model_copy(update=found)

    def _chat(self, reader: Reader, message: Message, kind: Kind) -> Answer:
        said: dict[str, object] = {
            "kind": kind,
            "decision": "chat",
            "answer": replies.reply(kind, message.language),
            "confidence": 1.0,
            "intent": None,
            "citations": [],
            "suggestions": [],
            "handoff": None,
        }
        return reader.read(message.question).answer.model_copy(update=said)

    def _hand_over(
        self,
        reader: Reader,
        message: Message,
        reason: Literal["wants_person", "angry", "distress"],
        mood: Mood | None,
        priority: Priority | None = None,
    ) -> Answer:
        """Hand over at once; what was found is shown beside it."""
        said = replies.reply("wants_person", message.language)
        if mood:
            is_urgent = priority == "urgent"
            said = replies.sympathy(mood, message.language, person=True, urgent=is_urgent)
        how_soon = priority or ("high" if mood else "normal")
        handoff = Handoff(reason=reason, priority=how_soon)
        return self._to_person(reader, message, reason, said, handoff)

    def _to_person(
        self, reader: Reader, message: Message, kind: Kind, said: str, handoff: Handoff
    ) -> Answer:
        found = {
            "kind": kind,
            "decision": "handoff",
            "message": said,
            "answer": None,
            "handoff": handoff,
        }
        return reader.read(message.question).answer.model_copy(update=found)


def _first(order: Sequence[AnyKind], found: Collection[Kind | None]) -> AnyKind | None:
    return next((kind for kind in order if kind in found), None)


def _read_as(reading: Reading, kind: Kind) -> Answer:
    return reading.answer.model_copy(update={"kind": kind, "understood_as": reading.text})


def _of_parts(answer: Answer, parts: Sequence[Part]) -> Answer:
    """One reply of several: answered where each part is, and as sure as the least sure of them."""
    answers = [part.answer for part in parts if part.answer]
    first = [part.citations[0] for part in parts]
    found = {
        "kind": "two_in_one",
        "decision": "answer" if len(answers) == len(parts) else "clarify",
        "answer": "\n\n".join(answers) or None,
        "confidence": min(part.confidence for part in parts),
        "citations": first,
        "suggestions": [],
        "parts": list(parts),
        "handoff": None,
    }
    return answer.model_copy(update=found)


def _in_kind(answer: Answer, mood: Mood, language: str) -> Answer:
    """An answer to somebody in that mood, after a sentence; a handover is looked at first."""
    is_handed_over = answer.handoff is not None
    found: dict[str, object] = {
        "kind": mood,
        "message": replies.sympathy(mood, language, person=is_handed_over),
    }
    if is_handed_over:
        found["handoff"] = Handoff(reason=mood, priority="high")
    return answer.model_copy(update=found)

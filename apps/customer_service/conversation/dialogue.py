"""From a message and what was said before to a reply."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from apps.customer_service.answers.answering import Answerer, Understood
from apps.customer_service.answers.languages.faqs import other_language
from apps.customer_service.conversation.context import Reader, Reading
from apps.customer_service.conversation.following import correction, follow_up, going_on
from apps.customer_service.conversation.kinds import Recogniser
from apps.customer_service.conversation.message import Message
from apps.customer_service.conversation.parting import answer_of, part
from apps.customer_service.conversation.patterns import Patterns
from apps.customer_service.conversation.recognising.sentences import MOODS, Sentences
from apps.customer_service.conversation.replies import Replies, load_replies
from apps.customer_service.conversation.turns import CHAT, Turn
from apps.customer_service.generation.composing import Composer
from apps.customer_service.graph.telling import Facts
from apps.customer_service.rules.deciding import Ruling, rule_on
from apps.customer_service.rules.schema import AnswerRule, AnswerRules
from apps.customer_service.schema import (
    OUT_OF_SCOPE,
    Answer,
    Citation,
    Handoff,
    Kind,
    Mood,
    Priority,
)

AnyKind = TypeVar("AnyKind", bound=Kind)

# What is said to these goes by no FAQ that is searched.
NOT_SEARCHED: frozenset[Kind] = CHAT | {"choice", "wants_person"}
# The order in which kinds speak for a message that asks nothing.
CHATTED: tuple[Kind, ...] = ("identity", "goodbye", "thanks", "greeting", "smalltalk")
# What is handed over and so probably nonsense is a slip of the keyboard. Of 24 that were made up 16
# were; of what was handed over of the development conversations none came near it (.003).
SLIP = 0.2
# A word or two that are so improbably out of scope, and so near to the words of an FAQ, name what
# it is about.
INSIDE, NAMED = 0.1, 0.2
# "Three days my money has been pending!" sounds like nothing but anger, and says as likely as that
# what it is about. "You are useless" finds how to complain, with .6.
TOLD = 0.7


@dataclass(frozen=True)
class Dialogue:
    """Replies to messages by one release, and by the rules of the business before it.

    `composes` says whether one reply may be put together of several passages; `facts` answer what
    they hold; `replies` are said where no FAQ speaks.
    """

    answerer: Answerer
    recogniser: Recogniser
    patterns: Patterns
    rules: AnswerRules | None = None
    composes: bool = False
    facts: Facts | None = None
    replies: Replies = field(default_factory=load_replies)

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
        said = Sentences(self.recogniser, self.patterns, understood)
        ruling = self._ruling(message, understood[message.question])
        reader = Reader(
            self.answerer,
            message.question,
            understood,
            searched,
            top_k,
            ruling.kept_out,
            self._fragment(message, understood),
            said.recognised(message.question).aside if message.before else 0.0,
        )
        # No rule stands between somebody in danger and a person.
        if urgent := said.urgency(message):
            return self._hand_over(reader, message, urgent, urgent, "urgent")
        if ruling.answer is not None:
            answer = self._ruled(reader, message, ruling.answer)
        else:
            answer = self._or_told(reader, message, self._reply(reader, message, said))
            answer = reader.or_quoted(message.question, answer)
            if self.composes and not reader.first_kept_out:
                composer = Composer(self.answerer)
                answer = composer.or_composed(answer, understood, searched)
        kept_out = None if answer.kind in NOT_SEARCHED else reader.first_kept_out
        return ruling.applied(answer, message.language, kept_out)

    def _or_told(self, reader: Reader, message: Message, answer: Answer) -> Answer:
        """What the facts say; what a rule keeps out is not said otherwise."""
        if self.facts is None or reader.first_kept_out:
            return answer
        saying = [one for one in message.sentences if not self.patterns.says_nothing(one)]
        return self.facts.or_told(
            answer,
            saying[0] if len(saying) == 1 else message.question,
            self.answerer.faqs,
            language=message.language,
            is_known=reader.is_known(message.question),
        )

    def says_something(
        self, answer: Answer, message: Message, understood: Mapping[str, Understood]
    ) -> bool:
        """Whether a message that was so answered is no slip of the keyboard."""
        if answer.handoff is None:
            return True
        vector = understood[message.question].vector
        return self.recogniser.recognise(message.question, vector).nonsense < SLIP

    def _fragment(self, message: Message, understood: Mapping[str, Understood]) -> float:
        if self.patterns.turns_aside(message.question):
            return 0.0
        return self.recogniser.fragments.probability(understood[message.question].vector)

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
            return self._given(reader, message, rule.faq_id)
        queue = rule.to if isinstance(rule.to, str) else None
        handoff = Handoff(reason="rule", priority=rule.priority or "normal", queue=queue)
        said = self.replies.reply("wants_person", message.language)
        return self._to_person(reader, message, "question", said, handoff)

    def _reply(self, reader: Reader, message: Message, said: Sentences) -> Answer:
        saying = [one for one in message.sentences if not self.patterns.says_nothing(one)]
        sentences = saying or message.sentences
        kinds = {one: said.kind_of(reader, message, one) for one in sentences}
        mood = self.patterns.mood_of(message.text) or _first(MOODS, kinds.values())
        mood = mood or said.mood(message)
        asking = [sentence for sentence, kind in kinds.items() if kind is None]
        if said.only_tells(message, kinds):
            asking = []
        if said.wants_person(reader, message, kinds, asking):
            return self._hand_over(reader, message, "wants_person", mood)
        if message.chosen is not None and message.chosen not in reader.kept_out:
            answer = self._given(reader, message, message.chosen)
            question = self.answerer.faqs[message.chosen].question
            return answer.model_copy(update={"kind": "choice", "understood_as": question})
        if asking or message.corrects:
            answer = self._answer(reader, message, asking)
            if mood and answer.handoff and self._on_the_table(reader, message):
                return self._in_mood(reader, message, mood)
            return self.replies.in_kind(answer, mood, message.language) if mood else answer
        if mood:
            return self._in_mood(reader, message, mood)
        return self._chat(reader, message, _first(CHATTED, kinds.values()) or "smalltalk")

    def _answer(self, reader: Reader, message: Message, asking: Sequence[str]) -> Answer:
        alone = reader.read(message.question)
        if len(asking) < len(message.sentences):
            alone = max([alone, *map(reader.read, asking)], key=lambda one: one.answer.confidence)
        if message.corrects:
            return _read_as(correction(reader, message, alone), "correction")
        if parts := part(reader, message, self.patterns):
            return answer_of(alone.answer, parts)
        if following := follow_up(reader, message, alone, self.patterns):
            return _read_as(following, "follow_up")
        if self._is_topic(reader, message, alone):
            return reader.asked_back(alone).answer
        return alone.answer

    def _is_topic(self, reader: Reader, message: Message, alone: Reading) -> bool:
        """Whether it only says what it is about: "card" is asked back, no person knows better."""
        if alone.answer.handoff is None or not self.patterns.is_brief(message.question):
            return False
        outside = reader.understood[message.question].intents.get(OUT_OF_SCOPE, 0.0)
        return outside < INSIDE and any(one.lexical >= NAMED for one in alone.candidates[:1])

    def _in_mood(self, reader: Reader, message: Message, mood: Mood) -> Answer:
        """Who only says how they feel is told again what it is about; else a person takes over.

        What it is about may be said in the feeling, or was before.
        A person takes over, too, where that was told again already.
        """
        about = self._on_the_table(reader, message)
        told = reader.read(message.question).answer
        is_first = message.before is None or not _is_told_again(message.before)
        if is_first and told.handoff is None and told.confidence >= TOLD:
            return self.replies.in_kind(told, mood, message.language)
        if not about:
            return self._hand_over(reader, message, mood, mood)
        if message.joined:
            answer = _read_as(reader.asked_back(going_on(reader, message)), "follow_up")
        else:
            again = {"understood_as": message.before.topic if message.before else None}
            answer = self._given(reader, message, about[0]).model_copy(update=again)
        return self.replies.in_kind(answer, mood, message.language)

    def _on_the_table(self, reader: Reader, message: Message) -> list[str]:
        """What was told before, unless again already, for a mood."""
        before = message.before
        told = before.on_the_table if before and not _is_told_again(before) else []
        return [one for one in told if one in self.answerer.faqs and one not in reader.kept_out]

    def _given(self, reader: Reader, message: Message, faq_id: str) -> Answer:
        """An FAQ that is known to be right, not guessed: chosen of those shown, or by a rule."""
        faq = self.answerer.faqs[faq_id]
        citation = Citation(faq_id=faq.id, question=faq.question, url=faq.url, score=1.0)
        found = {
            "decision": "answer",
            "answer": faq.answer,
            "only_in": other_language(message.question, faq),
            "confidence": 1.0,
            "citations": [citation],
            "suggestions": [],
            "handoff": None,
        }
        return reader.read(message.question).answer.model_copy(update=found)

    def _chat(self, reader: Reader, message: Message, kind: Kind) -> Answer:
        return self.replies.chat(reader.read(message.question).answer, kind, message.language)

    def _hand_over(
        self,
        reader: Reader,
        message: Message,
        reason: Literal["wants_person", "angry", "distress"],
        mood: Mood | None,
        priority: Priority | None = None,
    ) -> Answer:
        """Hand over at once; what was found is shown beside it."""
        said = self.replies.reply("wants_person", message.language)
        if mood:
            is_urgent = priority == "urgent"
            said = self.replies.sympathy(mood, message.language, person=True, urgent=is_urgent)
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
            "only_in": None,
            "handoff": handoff,
        }
        return reader.read(message.question).answer.model_copy(update=found)


def _first(order: Sequence[AnyKind], found: Collection[Kind | None]) -> AnyKind | None:
    return next((kind for kind in order if kind in found), None)


def _is_told_again(turn: Turn) -> bool:
    return turn.kind in MOODS and turn.understood_as != turn.text


def _read_as(reading: Reading, kind: Kind) -> Answer:
    return reading.answer.model_copy(update={"kind": kind, "understood_as": reading.text})

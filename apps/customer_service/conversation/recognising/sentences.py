"""What the sentences of a message say: a question, or what asks nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from apps.customer_service.answers.answering import Understood
from apps.customer_service.conversation.context import Reader
from apps.customer_service.conversation.following import FRAGMENT, is_agreed
from apps.customer_service.conversation.kinds import Recognised, Recogniser
from apps.customer_service.conversation.message import Message
from apps.customer_service.conversation.patterns import Patterns
from apps.customer_service.conversation.turns import CHAT
from apps.customer_service.schema import Kind, Mood
from common.records.spoken.pinyin import spelled

# A sentence is taken for a question unless it is so certainly none. Of held-out examples 81 % of
# what is none are found, and 8 % of what is off topic, 15 % of the nonsense are taken for it.
LEAST_CERTAIN = 0.65
# What an FAQ may well answer is none only if it is nearly certain, unless it is a courtesy.
NEARLY_CERTAIN = 0.95
# The order in which they speak for a message.
MOODS: tuple[Mood, ...] = ("distress", "angry")
COURTESY: frozenset[Kind] = frozenset({"greeting", "thanks", "goodbye"})
FOUND = 0.5
# What asks nothing and no FAQ is near to is small talk if that is likelier than not.
FAR = 0.3
LIKELY = 0.5
# Of six invented pieces of nonsense one was as certain as this, of six things told all but one.
TELLING = 0.3
# What is handed over at once, whatever else is asked.
CERTAINLY_URGENT = 0.8
CLEARLY_WANTED = 0.85
# Said so clearly, these are not questions that some FAQ is near to.
CLEARLY_SAID: frozenset[Kind] = frozenset({"identity", "wants_person"})
# So probably somebody feels what they do not say in so many words.
CLEARLY_FELT = 0.85
# "Didn't know that, thank you" is thanks, though an FAQ answers "I don't know that".
CLEARLY_COURTEOUS = 0.9
# "My grandson just started school" asks nothing, though a question about a child's account began
# so. Of 103 validation questions without a question word none was small talk with more than .2.
CLEARLY_IN_PASSING = 0.85
# "What if I miss it?" is near to what people in distress say: a part of a question is taken for
# something else only where that is as probable.
LEAST_PROBABLE = 0.72


@dataclass(frozen=True)
class Sentences:
    """What sentences of one message say, by the patterns and by what is near to written examples.

    Args:
        understood: what the model makes of each text.
    """

    recogniser: Recogniser
    patterns: Patterns
    understood: Mapping[str, Understood]
    _found: dict[str, Recognised] = field(default_factory=dict)

    def recognised(self, text: str) -> Recognised:
        """What a text is likeliest to be besides a question; each is looked at once."""
        if text not in self._found:
            self._found[text] = self.recogniser.recognise(text, self.understood[text].vector)
        return self._found[text]

    def urgency(self, message: Message) -> Mood | None:
        """By its words; or a sentence is near to what others said in danger."""
        if mood := self.patterns.urgency(message.text):
            return mood
        said = [*message.sentences, *message.spoken]
        most = max(self.recognised(one).urgency for one in said)
        return "distress" if most >= CERTAINLY_URGENT else None

    def wants_person(
        self,
        reader: Reader,
        message: Message,
        kinds: Mapping[str, Kind | None],
        asking: Sequence[str],
    ) -> bool:
        """By its words; or a clause, what it ends with, or all of it, is near to what others said.

        Beside a question, "I called your agents twice" asks for nobody; nor does "they towed my
        car, call me" where somebody labelled these very words with an FAQ.
        """
        if self.patterns.wants_person.search(message.text):
            return self.patterns.kind_of(message.text) != "identity"
        index = reader.answerer.index
        is_known = index is not None and index.known(message.question) is not None
        if is_known or message.chosen is not None:
            # What somebody labelled, or chose, in these very words is known, not guessed.
            return False
        for clause in message.spoken:
            found = self.recognised(clause)
            if found.kind == "wants_person" and found.probability >= CLEARLY_WANTED:
                return True
        said = [*kinds.values()]
        return "wants_person" in (said[-1:] if asking else said)

    def mood(self, message: Message) -> Mood | None:
        """How somebody clearly feels who asks something as well."""
        found = self.recognised(message.question)
        is_clear = found.probability >= CLEARLY_FELT
        return next((mood for mood in MOODS if is_clear and mood == found.kind), None)

    def only_tells(self, message: Message, said: Mapping[str, Kind | None]) -> bool:
        """Whether what is said beside thanks and the like asks nothing: "It came, thank you!"."""
        telling = [sentence for sentence, kind in said.items() if kind is None]
        is_asked = any(self.patterns.asks.search(sentence) for sentence in telling)
        if is_asked or message.corrects or CHAT.isdisjoint(said.values()):
            return False
        whole = self.recognised(message.question)
        return whole.kind in CHAT and whole.certainty >= LEAST_CERTAIN

    def kind_of(self, reader: Reader, message: Message, sentence: str) -> Kind | None:
        """What a sentence says that asks nothing; None: it is a question."""
        if kind := self.patterns.kind_of(sentence):
            return kind
        if message.language == "zh" and spelled(sentence):
            # To an encoder pinyin is noise, which is near to what people say in passing.
            return None
        found = self.recognised(sentence)
        asks = self.patterns.asks.search(sentence) is not None
        is_clear = found.kind in CLEARLY_SAID and found.probability >= CLEARLY_WANTED
        is_courteous = found.kind in COURTESY and found.probability >= CLEARLY_COURTEOUS
        is_asked = asks and not self.patterns.is_brief(sentence)
        if is_clear or (is_courteous and not is_asked):
            return found.kind
        reading = reader.read(sentence)
        # What an FAQ answers is a question, however it sounds. "I typed it wrong three times" is
        # small talk only to who does not know of what.
        may_be_part = found.kind == "smalltalk" and found.certainty < NEARLY_CERTAIN
        is_part = may_be_part and is_agreed(reader, message, reading, self.patterns)
        in_passing = found.kind == "smalltalk" and found.probability >= CLEARLY_IN_PASSING
        if in_passing and not (asks or is_part or reader.is_known(sentence)):
            return found.kind
        if reading.is_answered or is_part:
            return None
        return self._unanswered_kind(reader, message, sentence, found)

    def _unanswered_kind(
        self, reader: Reader, message: Message, sentence: str, found: Recognised
    ) -> Kind | None:
        asks = self.patterns.asks.search(sentence) is not None
        goes_on = message.before is not None and self.patterns.goes_on(sentence)
        is_part = goes_on or (message.before is not None and reader.fragment >= FRAGMENT)
        if is_part and asks:
            return found.kind if found.probability >= LEAST_PROBABLE else None
        mood = self.patterns.mood_of(sentence)
        confidence = reader.read(sentence).answer.confidence
        is_courtesy = found.kind in COURTESY and not asks
        is_near = confidence >= FOUND and not mood and not is_courtesy
        if found.certainty >= (NEARLY_CERTAIN if is_near else LEAST_CERTAIN):
            return found.kind
        if asks or confidence >= FOUND:
            return None
        if mood or goes_on or confidence >= FAR or found.everyday < LIKELY:
            return mood
        if found.certainty >= LIKELY and found.probability > found.aside:
            return found.kind
        # "We are off to the sea" tells something of who says it; "purple monkeys sing on the moon"
        # and "whales are mammals" tell nothing of anybody, and "sing me a song" asks.
        return "smalltalk" if found.tells and found.certainty >= TELLING else None

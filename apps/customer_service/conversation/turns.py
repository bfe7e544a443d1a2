"""What is remembered of a conversation: its last turns, masked and cut."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from apps.customer_service.schema import Kind
from common.learning.schema import new_id

# A conversation is followed over so many turns, of so many characters each.
MOST_TURNS = 10
MOST_CHARACTERS = 400
# Kinds of messages that ask nothing.
CHAT: frozenset[Kind] = frozenset({"greeting", "thanks", "goodbye", "identity", "smalltalk"})


class Turn(BaseModel):
    """One message and what came of it.

    Attributes:
        owner: whose key it was, hashed; the same for everybody where there are no keys.
        subject: whose data it is; what `purge --subject` goes by.
        at: seconds since 1970, UTC.
        text, understood_as: the message, and what was searched; masked.
        topic: the last question that stood by itself: what a follow-up goes on from.
        language: of the message.
        answered: the FAQs that were given as answers.
        shown: the FAQs that were offered beside or instead of them, in their order.
        understood: false of what was handed over and is probably a slip of the keyboard.
    """

    model_config = ConfigDict(frozen=True, from_attributes=True)

    id: str = Field(default_factory=new_id)
    conversation_id: str
    owner: str
    subject: str
    at: float
    text: str
    understood_as: str
    topic: str = ""
    kind: Kind
    language: str
    answered: list[str] = []
    shown: list[str] = []
    understood: bool = True

    @property
    def on_the_table(self) -> list[str]:
        """What is likely to be gone on with: the answer, or what was offered instead."""
        return self.answered or self.shown


def last_asked(history: Sequence[Turn]) -> Turn | None:
    """The latest turn that asked something, whatever was chatted since."""
    return next((turn for turn in reversed(history) if turn.topic), None)


def last_understood(history: Sequence[Turn]) -> Turn | None:
    """The latest turn that asked something and was understood; if none was, the latest that asked.

    Nothing goes on from a slip of the keyboard.
    """
    asked = [turn for turn in history if turn.topic]
    return last_asked([turn for turn in asked if turn.understood] or asked)

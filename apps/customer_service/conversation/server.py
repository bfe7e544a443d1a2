"""Conversations over HTTP: who goes on with which, and what is remembered of them."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from weakref import WeakKeyDictionary

from fastapi import Request

from apps.customer_service.answers.answering import Answerer, timed
from apps.customer_service.answers.network import Network
from apps.customer_service.answers.server import Encoded, Service
from apps.customer_service.conversation.dialogue import Dialogue
from apps.customer_service.conversation.kinds import KEPT, Recogniser, fit_recogniser
from apps.customer_service.conversation.memory import ConversationMemory
from apps.customer_service.conversation.message import Message, take_apart
from apps.customer_service.conversation.patterns import load_patterns
from apps.customer_service.conversation.replies import Replies, load_replies
from apps.customer_service.conversation.session import turn_of
from apps.customer_service.conversation.turns import Turn
from apps.customer_service.graph.telling import Facts
from apps.customer_service.rules.schema import AnswerRules
from apps.customer_service.schema import Answer, AnswerRequest
from common.releases.release import Release
from common.rules.live import LiveRules
from common.serving.speakers import Speakers

ID_BYTES = 18
IDENTITY = re.compile(r"[A-Za-z0-9_-]{24}")


@dataclass(frozen=True)
class Recalled:
    """A conversation to go on with, its turns, and the milliseconds that it took to recall them."""

    identity: str
    history: list[Turn]
    took_ms: float


def own_identity(given: str, owner: str) -> str:
    """What a conversation is called here that a client calls by an id of its own.

    Another key's conversation of that name is another one.
    """
    return hashlib.sha256(f"{owner} {given}".encode()).hexdigest()[:24]


class Recognisers:
    """The recogniser of each release that is loaded; gone with it.

    Args:
        root: the application's directory.
    """

    def __init__(self, root: Path) -> None:
        self._kept = root / KEPT
        # By what reads: heads and FAQs change with an edit, and the recogniser goes by neither.
        self._of: WeakKeyDictionary[Network, Recogniser] = WeakKeyDictionary()

    def prepare(self, release: Release, answerer: Answerer) -> Answerer:
        """Fit the recogniser of a release before it serves; the release's answerer."""
        self._of[answerer.network] = fit_recogniser(answerer, release, self._kept)
        return answerer

    def of(self, answerer: Answerer) -> Recogniser:
        """The recogniser of what serves."""
        return self._of[answerer.network]


class Conversations:
    """Replies to messages by what was said before, and remembers them."""

    def __init__(
        self,
        service: Service,
        recognisers: Recognisers,
        memory: ConversationMemory,
        speakers: Speakers,
        rules: LiveRules[AnswerRules] | None = None,
        *,
        composes: Callable[[Answerer], bool] = lambda _: False,
        facts: Facts | None = None,
        replies: Replies | None = None,
    ) -> None:
        self.service = service
        self.memory = memory
        self._recognisers = recognisers
        self._speakers = speakers
        self._rules = rules
        self._composes = composes
        self._facts = facts
        self._replies = replies or load_replies()
        self._patterns = load_patterns()

    async def reply(
        self,
        asked: AnswerRequest,
        text: str,
        request: Request,
        recalled: Recalled | None = None,
    ) -> Answer:
        """Answer a prepared message, and remember what came of it.

        Args:
            recalled: what `recall` gave.
        """
        owner = self._speakers.owner(request)
        recalled = recalled or await self.recall(asked.conversation_id, owner)
        identity, faqs = recalled.identity, self.service.live.current.faqs
        message = take_apart(text, recalled.history, faqs, self._patterns)
        started = time.perf_counter()
        encoded = await self.service.read(*message.texts)
        waited = 1000 * (time.perf_counter() - started) - encoded.encode_ms
        read = time.perf_counter()
        work = partial(self._answer, encoded, message, asked)
        answer, understood = await self.service.without_blocking(encoded.answerer, work)
        spent = {
            "recall": recalled.took_ms,
            "queue": max(waited, 0.0),
            "encode": encoded.encode_ms,
            "search": 1000 * (time.perf_counter() - read),
        }
        answer = timed(answer, spent).model_copy(update={"conversation_id": identity})
        subject = self._speakers.of(request, asked.user or identity).subject or ""
        turn = turn_of(
            answer, message, at=time.time(), understood=understood, owner=owner, subject=subject
        )
        await self.memory.remember(turn)
        if self._rules and answer.decided_by:
            self._rules.count(answer.decided_by.rules)
        return answer

    def dialogue(self, answerer: Answerer) -> Dialogue:
        """What replies by a release that is loaded, and by the rules and facts as they are now."""
        rules = self._rules.current if self._rules else None
        return Dialogue(
            answerer,
            self._recognisers.of(answerer),
            self._patterns,
            rules,
            self._composes(answerer),
            self._facts,
            self._replies,
        )

    def _answer(
        self, encoded: Encoded, message: Message, asked: AnswerRequest
    ) -> tuple[Answer, bool]:
        """The reply, and whether the message says something."""
        dialogue = self.dialogue(encoded.answerer)
        understood = dict(zip(message.texts, encoded.understood, strict=True))
        answer = dialogue.reply(message, understood, language=asked.language, top_k=asked.top_k)
        return answer, dialogue.says_something(answer, message, understood)

    async def recall(self, given: str | None, owner: str, *, is_known: bool = False) -> Recalled:
        """The conversation to go on with; a new one where none is given.

        One that is not known, or another's, goes by an id that is made of the given one: the next
        message with that finds it.

        Args:
            is_known: it goes on, whether or not anything is remembered of it.
        """
        started = time.perf_counter()
        identity, history = await self._known(given, owner, is_known)
        return Recalled(identity, history, 1000 * (time.perf_counter() - started))

    async def _known(self, given: str | None, owner: str, is_known: bool) -> tuple[str, list[Turn]]:
        if given is None:
            return secrets.token_urlsafe(ID_BYTES), []
        if IDENTITY.fullmatch(given):
            history = await self.memory.history(given, owner)
            if history or history is None or is_known:
                return given, history or []
        identity = own_identity(given, owner)
        return identity, await self.memory.history(identity, owner) or []

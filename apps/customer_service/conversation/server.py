"""Conversations over HTTP: who goes on with which, and what is remembered of them."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
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
    ) -> None:
        self.service = service
        self.memory = memory
        self._recognisers = recognisers
        self._speakers = speakers
        self._rules = rules
        self._composes = composes
        self._facts = facts
        self._patterns = load_patterns()

    async def reply(
        self, asked: AnswerRequest, text: str, request: Request, *, is_known: bool = False
    ) -> Answer:
        """Answer a prepared message, and remember what came of it behind the answer.

        Args:
            is_known: the conversation goes on, whether or not anything is remembered of it.
        """
        started = time.perf_counter()
        owner = self._speakers.owner(request)
        identity, history = await self._recall(asked.conversation_id, owner, is_known)
        message = take_apart(text, history, self.service.live.current.faqs, self._patterns)
        recalled = time.perf_counter()
        encoded = await self.service.read(*message.texts)
        waited = 1000 * (time.perf_counter() - recalled) - encoded.encode_ms
        read = time.perf_counter()
        work = partial(self._answer, encoded, message, asked)
        answer = await self.service.without_blocking(encoded.answerer, work)
        spent = {
            "recall": 1000 * (recalled - started),
            "queue": max(waited, 0.0),
            "encode": encoded.encode_ms,
            "search": 1000 * (time.perf_counter() - read),
        }
        answer = timed(answer, spent).model_copy(update={"conversation_id": identity})
        subject = self._speakers.of(request, asked.user or identity).subject or ""
        turn = turn_of(answer, message, at=time.time(), owner=owner, subject=subject)
        self.memory.put(turn)
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
        )

    def _answer(self, encoded: Encoded, message: Message, asked: AnswerRequest) -> Answer:
        dialogue = self.dialogue(encoded.answerer)
        understood = dict(zip(message.texts, encoded.understood, strict=True))
        return dialogue.reply(message, understood, language=asked.language, top_k=asked.top_k)

    async def _recall(
        self, identity: str | None, owner: str, is_known: bool
    ) -> tuple[str, list[Turn]]:
        """The conversation to go on with, and its turns; a new one where it is not known.

        Another's is as unknown as one that never was.
        """
        if identity is not None and IDENTITY.fullmatch(identity):
            history = await self.memory.history(identity, owner)
            if history or history is None or is_known:
                return identity, history or []
        return secrets.token_urlsafe(ID_BYTES), []

"""What writes a reply: an endpoint in OpenAI's shape, or a causal model of one's own."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary

import httpx

from apps.customer_service.answers.answering import Answerer
from apps.customer_service.answers.network import Network
from apps.customer_service.generation.kept import has_generator, load_own
from apps.customer_service.generation.options import COMPOSING, ENDPOINT, NOBODY, Generation
from common.connecting import transport_to
from common.models.devices import in_own_thread
from common.models.sources.bundled import locate
from common.releases.release import Release

if TYPE_CHECKING:
    from common.models.generator import Generator, Message

KEY = "BIZLM_GENERATOR_KEY"
# All of a reply, tries and waiting together.
SECONDS = 10.0
CONNECT_SECONDS = 3.0
RETRY_PAUSE_SECONDS = 0.3
TRIES = 2
MOST_TOKENS = 300
# For a model that writes another reply just then.
MOST_WAIT_SECONDS = 3.0
# What asks to be tried again; any other 4xx would be told the same.
PASSING = frozenset({408, 425, 429})


class WritingError(Exception):
    """Nothing whole was written; what was until then does not count."""


class Writer(Protocol):
    """Writes replies."""

    @property
    def name(self) -> str:
        """As a reply names it."""

    def write(self, messages: Sequence[Message]) -> AsyncGenerator[str]:
        """The reply, piece by piece.

        Raises:
            WritingError: it ended before it was done, or is none.
        """


@dataclass(frozen=True)
class Endpoint:
    """`/v1/chat/completions` of a server in OpenAI's shape, streamed.

    Attributes:
        url: with `/v1`.
        key: sent as a bearer token.
    """

    url: str
    model: str
    key: str | None = None

    @property
    def name(self) -> str:
        """The model, as the server names it."""
        return self.model

    async def write(self, messages: Sequence[Message]) -> AsyncGenerator[str]:
        """The reply; tried once more while nothing of it has come."""
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        body = {
            "model": self.model,
            "messages": list(messages),
            "stream": True,
            "temperature": 0,
            "max_tokens": MOST_TOKENS,
        }
        timeout = httpx.Timeout(SECONDS, connect=CONNECT_SECONDS)
        url = f"{self.url}/chat/completions"
        for left in reversed(range(TRIES)):
            begun = False
            try:
                async with httpx.AsyncClient(
                    timeout=timeout, headers=headers, transport=await transport_to(url)
                ) as client:
                    async for piece in _streamed(client, url, body):
                        begun = True
                        yield piece
                return
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                if begun or not left or not _is_passing(error):
                    raise WritingError(str(error) or type(error).__name__) from error
            await asyncio.sleep(RETRY_PAUSE_SECONDS)


async def _streamed(client: httpx.AsyncClient, url: str, body: Any) -> AsyncGenerator[str]:
    async with client.stream("POST", url, json=body) as answer:
        answer.raise_for_status()
        async for line in answer.aiter_lines():
            if not line.startswith("data:"):
                continue
            piece, ended = _read(line.removeprefix("data:").strip())
            if piece:
                yield piece
            if ended == "stop":
                return
            if ended:
                raise WritingError(f"it ended by {ended!r}")
    raise WritingError("it was cut off")


def _read(data: str) -> tuple[str, str | None]:
    """The piece of an event, and by what the reply ended, if it did."""
    if data == "[DONE]":
        return "", "stop"
    try:
        choice = json.loads(data)["choices"][0]
        piece, ended = choice["delta"].get("content"), choice.get("finish_reason")
    except (ValueError, LookupError, TypeError, AttributeError):
        raise WritingError("an event is not in OpenAI's shape") from None
    if not isinstance(piece, str | None) or not isinstance(ended, str | None):
        raise WritingError("an event is not in OpenAI's shape")
    return piece or "", ended


def _is_passing(error: Exception) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        status = error.response.status_code
        return status >= 500 or status in PASSING
    return isinstance(error, httpx.TransportError)


@dataclass(frozen=True)
class OwnModel:
    """A causal model in this process; it writes one reply at a time."""

    generator: Generator
    _writing: Lock = field(default_factory=Lock)

    @property
    def name(self) -> str:
        """The model's."""
        return self.generator.source.name

    async def write(self, messages: Sequence[Message]) -> AsyncGenerator[str]:
        """The whole reply at once."""
        yield await asyncio.to_thread(in_own_thread, partial(self._write, list(messages)))

    def _write(self, messages: list[Message]) -> str:
        # Nobody can end a thread: it ends by itself, and until then nothing else is written.
        if not self._writing.acquire(timeout=MOST_WAIT_SECONDS):
            raise WritingError("it is writing another reply")
        try:
            (text,) = self.generator.generate(
                [messages], max_new_tokens=MOST_TOKENS, max_time=SECONDS
            )
            return text
        finally:
            self._writing.release()


class Writers:
    """Who writes the replies of each release that is loaded; gone with it.

    Args:
        generation: what was asked for; None: the generator of the release, if it has one.
        device: that a causal model computes on.
    """

    def __init__(self, generation: Generation | None, device: str = "auto") -> None:
        self._generation = generation
        self._device = device
        self._named = open_writer(generation, device) if generation else None
        self._own: WeakKeyDictionary[Network, Writer] = WeakKeyDictionary()

    def prepare(self, release: Release, answerer: Answerer) -> Answerer:
        """Load the generator of a release before it serves; the release's answerer."""
        if self._generation is None and has_generator(release):
            self._own[answerer.network] = _on(self._device, load_own(release))
        return answerer

    def of(self, answerer: Answerer) -> Writer | None:
        """Who writes; None: replies stay as they are composed."""
        return self._own.get(answerer.network, self._named)

    def composes(self, answerer: Answerer) -> bool:
        """Whether a reply may be made of several passages."""
        if self._generation is None:
            return answerer.network in self._own
        return self._generation.name != NOBODY


def open_writer(generation: Generation, device: str = "auto") -> Writer | None:
    """Who writes; None: replies stay as they are composed.

    Raises:
        UserError: there is no such causal model.
    """
    if generation.name in {COMPOSING, NOBODY}:
        return None
    if generation.name == ENDPOINT:
        return Endpoint(generation.url, generation.model, os.environ.get(KEY))
    # It imports torch, which a server in 8 bits does without.
    from common.models.generator import load_generator

    return _on(device, load_generator(locate(generation.name)))


def _on(device: str, generator: Generator) -> OwnModel:
    from torch.nn import Module

    from common.models.devices import pick_device

    Module.to(generator.network, pick_device(device))
    return OwnModel(generator)

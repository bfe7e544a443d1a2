"""A composed reply written anew by a generator, a sentence at a time, each past the gate."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, field

from apps.customer_service.answers.answering import Answerer
from apps.customer_service.answers.network import Network
from apps.customer_service.documents.quoting import Documents
from apps.customer_service.generation.composing import told
from apps.customer_service.generation.prompt import conversation
from apps.customer_service.generation.schema import Sentence, SentenceSource, joined, seam
from apps.customer_service.generation.support import Gate, open_gate
from apps.customer_service.generation.writing import SECONDS, Writer, WritingError
from apps.customer_service.knowledge.reading import Reader
from apps.customer_service.schema import SENTENCE_END, Answer
from common.records.text import fold, language_of

logger = logging.getLogger(__name__)

MOST_SENTENCES = 8
MOST_CHARACTERS = 2000
# What models put around sentences: numbers of sources, list signs, bold.
AROUND = re.compile(r"\[\d+\]|^\s*(?:[-*•#]+|\d+[.)])\s+|\*\*")
LETTER = re.compile(r"[^\W\d_]")


class Rewriting:
    """Rewrites composed replies of whatever release serves.

    Args:
        seconds: after that the reply is what was composed without the generator.
    """

    def __init__(
        self,
        writer_of: Callable[[Answerer], Writer | None],
        current: Callable[[], Answerer],
        seconds: float = SECONDS,
    ) -> None:
        self._writer_of = writer_of
        self._current = current
        self._seconds = seconds
        self._opened: tuple[Network, Gate] | None = None

    def begin(self, answer: Answer, question: str) -> AsyncGenerator[str | Answer] | None:
        """What `rewrite` gives; None: nobody writes, and the answer stays as it is."""
        if answer.composed_by is None or self._writer_of(self._current()) is None:
            return None
        return self.rewrite(answer, question)

    async def rewrite(self, answer: Answer, question: str) -> AsyncGenerator[str | Answer]:
        """The reply's sentences as they come, and the answer with all of them at the end.

        Where the generator fails, is late, or leaves out a source, that is the answer as it was:
        it counts, whatever was said before it.

        Args:
            question: prepared.
        """
        answerer = self._current()
        writer = self._writer_of(answerer)
        if answer.composed_by is None or writer is None:
            yield answer
            return
        until = asyncio.get_running_loop().time() + self._seconds
        draft = _Draft(answer, _texts(answer, answerer))
        messages = conversation(question, draft.told, language_of(answer.answer or ""))
        try:
            async with aclosing(_sentences(writer.write(messages))) as texts:
                # No time limit reaches over a `yield`: it would end whoever listens.
                while (sentence := await self._next(texts, draft, until)) is not None:
                    yield seam(joined(draft.sentences[:-1])) + sentence.text
            yield draft.finished(writer.name)
        except (WritingError, TimeoutError) as error:
            reason = str(error) or f"not done within {self._seconds:g} s"
            logger.warning("%s: answered by extraction instead: %s", writer.name, reason)
            yield answer

    def at_once(self, answer: Answer, question: str) -> Answer:
        """The answer that counts, where nobody listens meanwhile."""

        async def last() -> Answer:
            found = answer
            async for one in self.rewrite(answer, question):
                found = one if isinstance(one, Answer) else found
            return found

        if answer.composed_by is None:
            return answer
        # In a thread of its own, for a notebook has a loop in this one.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, last()).result()

    async def _next(
        self, texts: AsyncGenerator[str], draft: _Draft, until: float
    ) -> Sentence | None:
        """The next sentence that is let through; None: there is none."""
        async with asyncio.timeout_at(until):
            gate = await asyncio.to_thread(self._gate)
            async for text in texts:
                if sentence := await asyncio.to_thread(draft.take, text, gate):
                    return sentence
        return None

    def _gate(self) -> Gate:
        """The gate of the release that serves; an edit of its FAQs changes nothing of it."""
        answerer = self._current()
        network = answerer.network
        if self._opened is None or self._opened[0] is not network:
            self._opened = network, gate_of(answerer)
        return self._opened[1]


def gate_of(answerer: Answerer) -> Gate:
    """The gate as a release reads."""
    vectors = answerer.index.vectors if answerer.index else answerer.texts
    assert vectors is not None
    return open_gate(Reader(answerer).vectors, vectors)


@dataclass
class _Draft:
    """What has been let through of a reply.

    Attributes:
        texts: of each source that the composed reply goes by, without orders to a model.
    """

    answer: Answer
    texts: Sequence[tuple[SentenceSource, str]]
    sentences: list[Sentence] = field(default_factory=list)
    held_back: int = 0

    @property
    def told(self) -> list[tuple[str, str]]:
        """The title and the text of each source."""
        return [(source.title, text) for source, text in self.texts]

    def take(self, text: str, gate: Gate) -> Sentence | None:
        """The sentence with the source that bears it best; None: none does, or it was said."""
        if any(fold(one.text) == fold(text) for one in self.sentences):
            return None
        judged = [(gate.judge(text, known), source) for source, known in self.texts]
        sent = [(one.probability, source) for one, source in judged if one.is_sent]
        if not sent:
            self.held_back += 1
            return None
        _, source = max(sent, key=lambda pair: pair[0])
        self.sentences.append(Sentence(text=text, source=source))
        return self.sentences[-1]

    def finished(self, name: str) -> Answer:
        """The answer as the generator wrote it.

        Raises:
            WritingError: a source that belongs to the reply is not in it.
        """
        if {source.id for source, _ in self.texts} - {one.source.id for one in self.sentences}:
            raise WritingError(f"not all of the answer is in it ({self.held_back} held back)")
        written: dict[str, object] = {
            "answer": joined(self.sentences),
            "sentences": list(self.sentences),
            "composed_by": name,
        }
        return self.answer.model_copy(update=written)


def _texts(answer: Answer, answerer: Answerer) -> list[tuple[SentenceSource, str]]:
    sources = {one.source.id: one.source for one in answer.sentences}
    passages = {}
    if isinstance(answerer.documents, Documents):
        passages = {one.id: one for one in answerer.documents.index.passages if one.id in sources}
    found = []
    for source in sources.values():
        if source.kind == "faq" and source.id in answerer.faqs:
            whole = SENTENCE_END.split(answerer.faqs[source.id].answer)
        elif source.id in passages:
            whole = list(passages[source.id].sentences)
        else:
            # Edited or replaced since: what was composed of it is known.
            whole = [one.text for one in answer.sentences if one.source.id == source.id]
        found.append((source, told(whole)))
    return found


async def _sentences(pieces: AsyncGenerator[str]) -> AsyncGenerator[str]:
    """The sentences of a text that arrives in pieces.

    Raises:
        WritingError: it goes on and on.
    """
    waiting, length, count = "", 0, 0
    async with aclosing(pieces):
        async for piece in pieces:
            length += len(piece)
            *lines, waiting = re.split(r"\n+", waiting + piece)
            *ended, waiting = SENTENCE_END.split(waiting)
            whole = [one for line in lines for one in SENTENCE_END.split(line)]
            for text in filter(None, map(_bare, [*whole, *ended])):
                count += 1
                yield text
            if length > MOST_CHARACTERS or count > MOST_SENTENCES:
                raise WritingError("it goes on and on")
    if text := _bare(waiting):
        yield text


def sentences_of(text: str) -> list[str]:
    """The sentences of a whole reply, each once, without what models put around them."""
    lines = re.split(r"\n+", text)
    found = filter(None, (_bare(one) for line in lines for one in SENTENCE_END.split(line)))
    return list({fold(one): one for one in found}.values())


def _bare(text: str) -> str:
    text = AROUND.sub("", text).strip()
    return text if LETTER.search(text) else ""

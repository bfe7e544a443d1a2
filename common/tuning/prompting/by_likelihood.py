"""Zero-shot and few-shot by a causal model: which label is it likeliest to say?"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from common.console import progress
from common.models.encoder import Encoder
from common.models.generator import Generator, Message
from common.models.heads import Embedder
from common.models.prediction import predict
from common.tuning.losses import completion_nll
from common.tuning.prompting.labels import Question

# Texts that say nothing, as in the paper.
CONTENT_FREE = ("N/A", "", "[MASK]")
EXAMPLES_SHOWN = 4
# Conversations between two steps of the progress that is shown.
ASKED_AT_ONCE = 32


class Likelihood(nn.Module):
    """Negative log-likelihood a token of what the assistant says last."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.network = generator.network

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, completion_mask: Tensor
    ) -> dict[str, Tensor]:
        """[batch, tokens] each → `nll` [batch]."""
        logits = self.network(input_ids=input_ids, attention_mask=attention_mask).logits
        return {"nll": completion_nll(logits, input_ids, completion_mask)}


class LikelihoodClassifier:
    """Labels by likelihood, with contextual calibration (Zhao et al. 2021, arXiv 2102.09690).

    A label is as probable as the model finds its words after this text, divided by how probable
    it finds them after texts that say nothing.

    Args:
        examples: texts and their labels; those nearest to a text are shown before it, the nearest
            last (Liu et al. 2021, arXiv 2101.06804).
        encoder: tells which are near; needed where there are examples.
    """

    def __init__(
        self,
        generator: Generator,
        question: Question,
        examples: Sequence[tuple[str, str]] = (),
        encoder: Encoder | None = None,
    ) -> None:
        self.generator = generator
        self.module = Likelihood(generator)
        self.question = question
        self.names = question.names
        self.examples = [pair for pair in examples if pair[1] in question.labels]
        self.encoder = encoder

    def probabilities(self, texts: Sequence[str]) -> Tensor:
        """[texts, labels]."""
        shown = self._nearest(texts)
        found = self._log_likelihoods(texts, shown)
        # What is shown changes what the model is inclined to: each choice has its own prior.
        choices = list(dict.fromkeys(shown))
        priors = {choice: self._prior(choice) for choice in choices}
        return (found - torch.stack([priors[choice] for choice in shown])).softmax(-1)

    def _prior(self, shown: tuple[int, ...]) -> Tensor:
        found = self._log_likelihoods(CONTENT_FREE, [shown] * len(CONTENT_FREE))
        return found.softmax(-1).mean(0).log()

    def _log_likelihoods(self, texts: Sequence[str], shown: Sequence[tuple[int, ...]]) -> Tensor:
        conversations = [
            self._conversation(text, numbers, self._word(name))
            for text, numbers in zip(texts, shown, strict=True)
            for name in self.names
        ]
        found = []
        with progress("Asking the model", len(conversations)) as advance:
            for start in range(0, len(conversations), ASKED_AT_ONCE):
                asked = conversations[start : start + ASKED_AT_ONCE]
                found.append(predict(self.module, self.generator, asked)["nll"])
                advance(len(asked))
        return -torch.cat(found).view(len(texts), len(self.names))

    def _conversation(self, text: str, shown: Sequence[int], answer: str) -> list[Message]:
        pairs = [(self.examples[n][0], self._word(self.examples[n][1])) for n in shown]
        turns: list[Message] = []
        for asked, said in [*pairs, (text, answer)]:
            turns.append({"role": "user", "content": f"{asked}\n\n{self.question.ask}"})
            turns.append({"role": "assistant", "content": said})
        return turns

    def _word(self, name: str) -> str:
        return self.question.labels[name][0]

    def _nearest(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """Of each text, the examples that are shown, the nearest last."""
        if not self.examples or self.encoder is None:
            return [()] * len(texts)
        reader = Embedder(self.encoder.pooled())
        known = [text for text, _ in self.examples]
        found = predict(reader, self.encoder, [*known, *texts])["embedding"]
        unit = functional.normalize(found, dim=-1)
        cosines = unit[len(known) :] @ unit[: len(known)].T
        best = cosines.topk(min(EXAMPLES_SHOWN, len(known)), dim=-1).indices.flip(-1)
        return [tuple(row) for row in best.tolist()]

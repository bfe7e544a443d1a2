"""What is fine-tuned: an encoder, and what each dimension counts when two texts are compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from apps.new.skeletons.rank.schema import Example
from common.errors import UserError
from common.models.heads import SCALE
from common.models.pooling import PooledEncoder
from common.records.splits import Splits
from common.tuning.losses import listwise_softmax
from common.tuning.settings import Settings
from common.tuning.task import Batch, EncoderModule, Metric, Predict

if TYPE_CHECKING:
    from common.models.encoder import Encoder
    from common.tuning.task import Tokenize


class OwnModule(EncoderModule):
    """A text and a candidate → a score; change the score and the loss here.

    Args:
        width: of a vector. As the weights start, a score is a scaled cosine.
    """

    def __init__(self, pooled: PooledEncoder, width: int) -> None:
        super().__init__()
        self.pooled = pooled
        self.weight = nn.Parameter(torch.ones(width))

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        owner: Tensor | None = None,
        place: Tensor | None = None,
        relevant: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """`embedding` of length 1 and `weighted`, both [batch, width]; with more, the loss.

        A candidate's score is its weighted vector times that of the text.

        Args:
            owner, place: [candidates], whose candidate it is, and which one. The batch is the
                texts, and after them all candidates.
            relevant: [texts, places], whether it is one that was wanted.
        """
        unit = functional.normalize(self.pooled(input_ids, attention_mask).float(), dim=-1)
        outputs = {"embedding": unit, "weighted": unit * self.weight}
        if owner is not None and place is not None and relevant is not None:
            texts, candidates = unit[owner], outputs["weighted"][len(relevant) :]
            scores = SCALE * (texts * candidates).sum(-1)
            logits = scores.new_zeros(relevant.shape).index_put((owner, place), scores)
            is_shown = torch.zeros_like(relevant).index_put((owner, place), relevant.new_tensor(1))
            outputs["loss"] = listwise_softmax(logits, is_shown > 0, relevant).mean()
        return outputs


class OwnTask:
    """Texts, and candidates to be put in order for each.

    Raises:
        UserError: no text has candidates of different relevance.
    """

    name = "rank"
    monitors = (Metric("right"),)

    def __init__(self, splits: Splits[Example], settings: Settings) -> None:
        if not splits.train:
            raise UserError("no text has candidates of different relevance")

    def build(self, encoder: Encoder, precision: str = "fp32") -> OwnModule:
        """The encoder, every dimension counting alike."""
        return OwnModule(encoder.pooled(), encoder.dimension)

    def input(self, record: Example) -> str:
        """The text."""
        return record.text

    def collate(self, records: Sequence[Example], tokenize: Tokenize) -> Batch:
        """Token ids of the texts and of their candidates, and which of them were wanted."""
        sizes = [len(record.candidates) for record in records]
        pairs = [(number, place) for number, size in enumerate(sizes) for place in range(size)]
        owner, place = torch.tensor(pairs).T
        relevant = torch.zeros(len(records), max(sizes))
        for number, record in enumerate(records):
            best = max(record.relevances)
            relevant[number, : sizes[number]] = torch.tensor(
                [float(one == best) for one in record.relevances]
            )
        every = [candidate for record in records for candidate in record.candidates]
        batch = tokenize([*(record.text for record in records), *every])
        return batch | {"owner": owner, "place": place, "relevant": relevant}

    def measure(self, predict: Predict, records: Sequence[Example]) -> dict[str, float]:
        """The share of texts whose first candidate is one of the most relevant."""
        lists = scores_of(predict, [(one.text, one.candidates) for one in records])
        best = [
            one.relevances[int(scores.argmax())] == max(one.relevances)
            for one, scores in zip(records, lists, strict=True)
        ]
        return {"right": sum(best) / len(best)}


def scores_of(predict: Predict, lists: Sequence[tuple[str, Sequence[str]]]) -> list[Tensor]:
    """The scores [candidates] of each text's candidates."""
    every = [candidate for _, candidates in lists for candidate in candidates]
    found = predict([*(text for text, _ in lists), *every])
    texts, weighted = found["embedding"], found["weighted"][len(lists) :]
    parts = torch.split(weighted, [len(candidates) for _, candidates in lists])
    return [SCALE * part @ text for part, text in zip(parts, texts, strict=False)]

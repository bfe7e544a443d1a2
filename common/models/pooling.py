"""From an encoder's hidden states to one vector a text."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn


def mean_pool(hidden: Tensor, attention_mask: Tensor) -> Tensor:
    """Mean over the real tokens: [batch, tokens, width] and [batch, tokens] → [batch, width]."""
    mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)


class PooledEncoder(nn.Module):
    """An encoder and what makes one vector a text of its hidden states, not normalised.

    Args:
        pooling: modules of sentence-transformers, one after the other; none: the mean.
        prompt_tokens: how many tokens at the beginning are the prompt's, for a pooling that
            leaves them out.
    """

    def __init__(
        self, encoder: nn.Module, pooling: Sequence[nn.Module] = (), prompt_tokens: int = 0
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.pooling = nn.ModuleList(pooling)
        self.prompt_tokens = prompt_tokens

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """[batch, tokens] twice → [batch, width] in float32."""
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return self.pool(hidden, attention_mask)

    def from_embeddings(self, embeddings: Tensor, attention_mask: Tensor) -> Tensor:
        """As `forward`, from what the table of embeddings gives: [batch, tokens, width]."""
        found = self.encoder(inputs_embeds=embeddings, attention_mask=attention_mask)
        return self.pool(found.last_hidden_state, attention_mask)

    def pool(self, hidden: Tensor, attention_mask: Tensor) -> Tensor:
        """[batch, tokens, width] and [batch, tokens] → [batch, width] in float32."""
        if not self.pooling:
            return mean_pool(hidden.float(), attention_mask)
        features: dict[str, Tensor | int] = {
            "token_embeddings": hidden.float(),
            "attention_mask": attention_mask,
            "prompt_length": self.prompt_tokens,
        }
        for module in self.pooling:
            features = module(features)
        vectors = features["sentence_embedding"]
        assert isinstance(vectors, Tensor)
        return vectors.float()

"""What the model made of texts that it has read: nobody needs to wait for it twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from apps.customer_service.answers.network import Floats

# What does not change while only the knowledge does.
KEPT = ("embedding", "intent_logits")


@dataclass(frozen=True)
class ReadBefore:
    """Outputs [texts, …] by name, and the row of each text."""

    rows: Mapping[str, int]
    outputs: Mapping[str, Floats]

    @classmethod
    def of(cls, texts: Sequence[str], outputs: Mapping[str, Floats]) -> ReadBefore:
        """Remember `outputs`, in the order of `texts`."""
        kept = {name: outputs[name] for name in KEPT if name in outputs}
        return cls({text: row for row, text in enumerate(texts)}, kept)

    def find(self, texts: Sequence[str]) -> dict[str, Floats] | None:
        """The outputs for `texts`; None if one of them is new."""
        if not texts or not all(text in self.rows for text in texts):
            return None
        chosen = [self.rows[text] for text in texts]
        return {name: values[chosen] for name, values in self.outputs.items()}

    def save(self, path: Path) -> None:
        """Write the outputs; the texts are kept elsewhere."""
        save_file({name: np.ascontiguousarray(one) for name, one in self.outputs.items()}, path)

    @classmethod
    def load(cls, path: Path, texts: Sequence[str]) -> ReadBefore:
        """Read what `save` wrote; `texts` in the same order."""
        return cls.of(texts, load_file(path))

"""How near texts are across languages, by what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Languages = NDArray[np.str_]


@dataclass(frozen=True)
class Across:
    """Vectors without the mean of their language.

    A multilingual encoder puts a text nearer to any other of its language than to one of another
    language that says the same. The language itself is little more than a shift (Libovický et al.
    2020, arXiv 2004.05160): without it, what is left goes by the meaning.

    Args:
        means: language → [width], of its texts.
        texts: [texts, width], of length 1.
        prototypes: [FAQs, width], of length 1; not a number where there is none.
    """

    means: Mapping[str, Floats]
    texts: Floats
    prototypes: Floats

    @classmethod
    def of(
        cls, vectors: Floats, languages: Languages, prototypes: Floats, languages_of_faqs: Languages
    ) -> Self:
        """Take the means of all languages away.

        Args:
            vectors: [texts, width].
            languages: [texts].
            prototypes: [FAQs, width]; not a number where there is none.
            languages_of_faqs: [FAQs].
        """
        means = _means(vectors, languages)
        return cls(
            means,
            _without(vectors, languages, means),
            _without(prototypes, languages_of_faqs, _means(prototypes, languages_of_faqs)),
        )

    def cosines(self, vector: Floats, language: str) -> tuple[Floats, Floats]:
        """Of a question of a language to all texts [texts] and prototypes [FAQs]."""
        meant = vector - self.means[language]
        meant = meant / max(float(np.linalg.norm(meant)), 1e-6)
        return self.texts @ meant, self.prototypes @ meant


def _means(vectors: Floats, languages: Languages) -> dict[str, Floats]:
    known = ~np.isnan(vectors[:, 0])
    found = {}
    for language in np.unique(languages).tolist():
        own = vectors[(languages == language) & known]
        found[language] = own.mean(0) if len(own) else np.zeros(vectors.shape[1], np.float32)
    return found


def _without(vectors: Floats, languages: Languages, means: Mapping[str, Floats]) -> Floats:
    found = vectors - np.stack([means[language] for language in languages.tolist()])
    return np.asarray(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-6))

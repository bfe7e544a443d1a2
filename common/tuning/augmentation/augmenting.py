"""The changes that a run makes to what it reads in training."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from common.tuning.augmentation.counterfactual import read_swaps
from common.tuning.augmentation.glossary import read_glossary
from common.tuning.augmentation.protected import protected
from common.tuning.augmentation.spelling import in_other_script, in_other_width, mistyped
from common.tuning.augmentation.words import with_words_swapped, without_words
from common.tuning.settings import Settings

Change = Callable[[str, random.Random], str]


class Augmentation:
    """Changes texts, and each text of a pair; conversations are left as they are.

    What is drawn for a text depends on the seed, the epoch and the text alone: a resumed run reads
    the same, and so do several processes. A change that would touch a number, an amount, a
    placeholder or a negation is not made, unless it is a swap of what the user lists.

    Args:
        paraphrases: text → what it became when it was translated there and back.

    Raises:
        UserError: the glossary or the file of lists is missing or broken.
    """

    def __init__(self, settings: Settings, paraphrases: Mapping[str, str] | None = None) -> None:
        self.seed = settings.seed
        known = paraphrases or {}
        chosen: list[tuple[float, Change]] = [
            (settings.back_translated if known else 0.0, lambda text, _: known.get(text, text)),
            (settings.word_swap, with_words_swapped),
            (settings.word_dropout, without_words),
            (settings.scripts, in_other_script),
            (settings.widths, in_other_width),
            (settings.typing_errors, mistyped),
        ]
        if settings.glossary and settings.synonyms:
            glossary = read_glossary(Path(settings.glossary))
            chosen.insert(1, (settings.synonyms, glossary.replace))
        self._swap: tuple[float, Change] | None = None
        if settings.counterfactual_lists:
            swaps = read_swaps(Path(settings.counterfactual_lists))
            self._swap = (settings.counterfactual, swaps.replace)
        self._changes = [(share, change) for share, change in chosen if share]

    def __call__(self, inputs: Sequence[Any], epoch: int) -> list[Any]:
        """The inputs as they are read in `epoch`."""
        return (
            [self._read(one, epoch) for one in inputs] if self._changes or self._swap else [*inputs]
        )

    def _read(self, one: Any, epoch: int) -> Any:
        if isinstance(one, tuple):
            return tuple(self._read(part, epoch) for part in one)
        return self._changed(one, epoch) if isinstance(one, str) else one

    def _changed(self, text: str, epoch: int) -> str:
        draw = random.Random(f"{self.seed}:{epoch}:{text}")
        if self._swap and draw.random() < self._swap[0]:
            text = self._swap[1](text, draw)
        for share, change in self._changes:
            if draw.random() < share:
                changed = change(text, draw)
                text = changed if protected(changed) == protected(text) else text
        return text

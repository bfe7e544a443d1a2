"""Symbols that a tokenizer lacks: emoji become words, and what stays unknown is counted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Protocol

from common.records.audit import EXAMPLES_SHOWN, Finding
from common.records.text import language_of

# Where emoji stand in Unicode, and some that are none: only what the library names is changed.
MAYBE_EMOJI = re.compile(
    r"[\u00a9\u00ae\u203c-\u2bff\u3030-\u303d\u3297\u3299\U0001f000-\U0001faff]"
)
# Above this share of all tokens a model reads only part of what is written.
UNKNOWN_TOLERATED = 0.002


class _Tokenizer(Protocol):
    @property
    def unk_token_id(self) -> Any: ...
    def __call__(self, text: Any, *, add_special_tokens: bool = True) -> Any: ...


class SymbolSpeller:
    """Spells emoji out as words of the text's language, where the tokenizer lacks them.

    It goes by the tokenizer alone, so that training, evaluation and serving read the same.
    """

    def __init__(self, tokenizer: _Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._unknown = tokenizer.unk_token_id
        self._is_known = lru_cache(None)(self._looks_known)

    def spell(self, text: str) -> str:
        """`text` with words for its unknown emoji."""
        if self._unknown is None or not MAYBE_EMOJI.search(text):
            return text
        import emoji

        language = "zh" if language_of(text) == "zh" else "en"
        spelled = emoji.replace_emoji(text, lambda found, _: self._words(found, language))
        return " ".join(spelled.split()) if spelled != text else text

    def _words(self, found: str, language: str) -> str:
        if self._is_known(found):
            return found
        import emoji

        name = emoji.demojize(found, language=language, delimiters=("", ""))
        return f" {name.replace('_', ' ').replace('-', ' ')} "

    def _looks_known(self, symbol: str) -> bool:
        return self._unknown not in self._ids(symbol)

    def _ids(self, text: str) -> list[int]:
        encoded: Any = self._tokenizer(text, add_special_tokens=False)
        return list(encoded["input_ids"])

    def unknown(self, texts: Sequence[str]) -> Finding | None:
        """What the tokenizer does not know in `texts`, emoji spelled out; None where it is little.

        Symbols are counted by the words that hold them.
        """
        if self._unknown is None or not texts:
            return None
        spelled = [self.spell(text) for text in texts]
        encoded: Any = self._tokenizer(spelled, add_special_tokens=False)
        ids = encoded["input_ids"]
        count = sum(row.count(self._unknown) for row in ids)
        if count <= UNKNOWN_TOLERATED * sum(map(len, ids)):
            return None
        seen: Counter[str] = Counter()
        for text, row in zip(spelled, ids, strict=True):
            if self._unknown in row:
                seen.update(word for word in set(text.split()) if not self._is_known(word))
        examples = [f"{word} ({times})" for word, times in seen.most_common(EXAMPLES_SHOWN)]
        message = "tokens unknown to this backbone, which reads them all alike"
        return Finding("warning", "unknown_tokens", message, count, examples)

"""How a text is spelled, read as scikit-learn reads it; a recogniser is kept and read again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from apps.customer_service.conversation.kinds import _fit, _keep, _read
from apps.customer_service.conversation.recognising.fragments import Fragments
from apps.customer_service.conversation.spelling.spellings import LENGTHS, Spellings

TEXTS = ["Hello there", "hello, you", "a  b\tab", "银行卡丢了", "HELLO hello", "", "o"]
KINDS = ["chat", "chat", "question", "question", "chat", "question", "chat"]


def test_a_text_counts_as_the_vectoriser_counts_it() -> None:
    fitted = TfidfVectorizer(analyzer="char_wb", ngram_range=LENGTHS, sublinear_tf=True).fit(TEXTS)
    spellings = Spellings(fitted.get_feature_names_out().tolist(), fitted.idf_)
    for text in [*TEXTS, "unseen words: xyz hello!"]:
        columns, values = spellings.read(text)
        found = np.zeros(len(spellings.runs))
        found[columns] = values
        assert np.allclose(found, fitted.transform([text]).toarray()[0])


def test_a_recogniser_is_read_again_as_it_was_fitted(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(len(TEXTS) * 4, 8)).astype(np.float32)
    fragments = Fragments(np.arange(8, dtype=np.float32), 0.5)
    fitted = _fit(vectors, TEXTS * 4, KINDS * 4, fragments)
    _keep(fitted, tmp_path / "kept.npz")
    kept = _read(tmp_path / "kept.npz")
    assert kept.classes == fitted.classes
    assert fitted.spellings is not None and kept.spellings is not None
    assert kept.spellings.runs == fitted.spellings.runs
    for name in ("weights", "spelling_weights", "offsets"):
        assert np.array_equal(getattr(kept, name), getattr(fitted, name))
    assert kept.fragments.offset == 0.5
    assert np.array_equal(kept.fragments.direction, fragments.direction)

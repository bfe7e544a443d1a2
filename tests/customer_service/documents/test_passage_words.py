"""What passages are found by beside vectors: their own words, and those of their documents."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from apps.customer_service.documents import words
from apps.customer_service.documents.index import PassageIndex, Read
from apps.customer_service.documents.passage import Passage
from apps.customer_service.documents.words import PassageWords, write_words


def _passage(document: str, heading: str, sentence: str) -> Passage:
    return Passage(document=document, title="T", headings=(heading,), sentences=(sentence,))


PASSAGES = [
    _passage("gull.md", "Cards", "The gull is made for journeys."),
    _passage("heron.md", "Fees", "It costs four pounds."),
    _passage("gull.md", "Fees", "It costs nine pounds."),
    _passage("heron.md", "Cards", "The heron stays at home."),
]


def test_a_document_is_found_by_what_any_of_its_passages_says(read: Read) -> None:
    own, whole = PassageWords.of(PASSAGES).scores("gull")
    assert own[0] > own[1] == own[2] == own[3] == 0
    assert whole[0] == whole[2] > whole[1] == whole[3] == 0
    index = PassageIndex.build(PASSAGES, read)
    for name, row in (("gull", 2), ("heron", 1)):
        question = f"what costs the {name} in pounds"
        assert index.search(question, read(["costs pounds"])[0])[0].row == row


def test_the_first_stands_the_higher_the_less_the_others_are_like_it(read: Read) -> None:
    index = PassageIndex.build(PASSAGES, read)
    alone, among = (
        index.search(question, read([question])[0])[0].standing
        for question in ("the heron stays at home", "it costs pounds")
    )
    assert alone > among > 0
    assert index.search("gull", read(["gull"])[0], but=range(4)) == []


def test_written_words_are_read_and_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = PassageWords.of(PASSAGES)
    write_words(PASSAGES, tmp_path)
    monkeypatch.delattr(words, "_text_of")
    kept = PassageWords.load(tmp_path, PASSAGES)
    for question in ("gull", "nine pounds"):
        np.testing.assert_allclose(kept.scores(question), made.scores(question))
        assert kept.share(question, {"gull"}) == made.share(question, {"gull"})

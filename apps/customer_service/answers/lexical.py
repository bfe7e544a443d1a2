"""Search by words, by pieces of them and by the sounds of Chinese characters.

A word with a typing error shares most of its pieces with the right one, and a wrong character its
sound: a question with two typing errors finds nearly what it found without, and so does one that is
typed in pinyin.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from common.files import read_json, write_json
from common.records.spoken.pinyin import alike, sound, spelled
from common.records.text import CHINESE, words

# Letters in a piece of a word, its ends marked.
PIECES = (3, 4)
# A BM25 score of this size counts half: it bounds the score to 0…1. 20 and 80 ranked the sample
# data's validation questions alike.
HALF_BM25 = 40.0
START, END, SPOKEN = "<", ">", "~"
# Texts whose terms are remembered from one index to the next, and words.
REMEMBERED = 50_000
# Of what `terms` makes of a text: an index of other terms is made anew.
VERSION = 1
ABOUT = "words.json"


class LexicalIndex:
    """Texts in memory (tantivy, BM25): some thousand take a fraction of a second.

    Args:
        texts: normalised.
        kept: a directory that `write_lexical` wrote of the same texts, which is mapped into memory;
            where there is none, or one of another version, it is made of the texts.
    """

    def __init__(self, texts: Sequence[str], kept: Path | None = None) -> None:
        self._mapped = _mapped(kept, texts) if kept else None
        self._index = self._mapped.index if self._mapped else _built(texts)
        self._schema = self._index.schema
        self._row_at: dict[tuple[int, int], int] = {}

    def search(
        self, text: str, depth: int, is_searched: Callable[[int], bool]
    ) -> list[tuple[int, float]]:
        """The best of the first `depth` texts, as their row and their score from 0 to 1."""
        import tantivy

        asked = dict.fromkeys([*terms(text), *_spoken(map(alike, spelled(text)))])
        if not asked:
            return []
        some = [
            (
                tantivy.Occur.Should,
                tantivy.Query.term_query(self._schema, "terms", term, "freq"),
            )
            for term in asked
        ]
        searcher = self._index.searcher()
        found = searcher.search(tantivy.Query.boolean_query(some), depth, count=False).hits
        hits = ((self._row(searcher, address), score) for score, address in found)
        return [(row, score / (score + HALF_BM25)) for row, score in hits if is_searched(row)]

    def _row(self, searcher: Any, address: Any) -> int:
        # Fetching a document costs more than searching for it.
        place = (address.segment_ord, address.doc)
        if place not in self._row_at:
            self._row_at[place] = int(searcher.doc(address)["row"][0])
        return self._row_at[place]


def write_lexical(texts: Sequence[str], directory: Path) -> None:
    """Index texts into an empty directory, for `LexicalIndex`."""
    directory.mkdir(parents=True)
    _built(texts, directory)
    for lock in directory.glob(".*"):
        lock.unlink()
    write_json(directory / ABOUT, _about(texts))


@dataclass(frozen=True)
class _Mapped:
    """An index that is open, and the directory that it is open in, which goes with it."""

    index: Any
    place: TemporaryDirectory[str]


def _mapped(directory: Path, texts: Sequence[str]) -> _Mapped | None:
    about = directory / ABOUT
    if not about.exists() or read_json(about) != _about(texts):
        return None
    import tantivy

    # Whoever opens an index writes a lock beside it, and a release is not to be written to.
    place = TemporaryDirectory(prefix="bizlm-words-")
    for path in directory.iterdir():
        Path(place.name, path.name).symlink_to(path.resolve())
    try:
        return _Mapped(tantivy.Index.open(place.name), place)
    except ValueError:
        return None


def _about(texts: Sequence[str]) -> dict[str, Any]:
    return {"terms": VERSION, "texts": len(texts), "tantivy": version("tantivy")}


def _built(texts: Sequence[str], directory: Path | None = None) -> Any:
    import tantivy

    builder = tantivy.SchemaBuilder()
    builder.add_text_field("terms", tokenizer_name="whitespace", index_option="freq")
    builder.add_unsigned_field("row", stored=True)
    index = tantivy.Index(builder.build(), path=str(directory) if directory else None)
    analyzer = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()
    index.register_tokenizer("whitespace", analyzer)
    writer = index.writer(num_threads=1)
    for row, text in enumerate(texts):
        writer.add_document(tantivy.Document(terms=_joined_terms(text), row=row))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    return index


@lru_cache(REMEMBERED)
def _joined_terms(text: str) -> str:
    # Most of an index's making; with an edit nearly all texts stay.
    return " ".join(terms(text))


def terms(text: str) -> list[str]:
    """What a text is found by: words and their pieces; characters, their pairs and sounds.

    Accents are left out: few type them where the keyboard has none.
    """
    found = []
    for word in words(text):
        if not CHINESE.search(word):
            found += _pieces(word)
    characters = CHINESE.findall(text)
    found += [*characters, *map("".join, pairwise(characters))]
    return found + _spoken(map(sound, characters))


@lru_cache(REMEMBERED)
def _pieces(word: str) -> list[str]:
    marked = f"{START}{_without_accents(word)}{END}"
    pieces = (marked[i : i + n] for n in PIECES for i in range(len(marked) - n + 1))
    return [marked, *pieces]


def _spoken(syllables: Iterable[str]) -> list[str]:
    """Sounds by themselves, in pairs and in threes."""
    sounds = [SPOKEN + syllable for syllable in syllables]
    threes = map("".join, zip(sounds, sounds[1:], sounds[2:], strict=False))
    return [*sounds, *map("".join, pairwise(sounds)), *threes]


def _without_accents(word: str) -> str:
    if word.isascii():
        return word
    apart = unicodedata.normalize("NFD", word)
    return "".join(character for character in apart if not unicodedata.combining(character))

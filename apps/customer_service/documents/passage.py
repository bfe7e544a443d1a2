"""A stretch of a document, and how a page is cut into such."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pydantic import BaseModel, ConfigDict

from apps.customer_service.importing.schema import Block, Page
from apps.customer_service.schema import SENTENCE_END
from common.records.fields import content_hash
from common.records.text import CHINESE, LATIN_WORD, language_of

# A section of more words is cut between sentences; Chinese is written with so many characters to
# the word.
MOST_WORDS = 250
CHARACTERS_PER_WORD = 1.6
# How the readers of pages write a row of a table.
CELLS = " | "
LIST_SIGN = re.compile(r"^- ")
# The number of a list's item, which ends like a sentence and belongs to the one after it.
ITEM_NUMBER = re.compile(r"\(?\d{1,3}[.)]")


class Passage(BaseModel):
    """Some sentences under one heading.

    Attributes:
        document: its file, within the folder.
        title: of the document.
        headings: from the outermost to the one that it stands under, without the title.
        sentences: as they are quoted; a row of a table is one, each cell after its column's name.
        page: of a PDF, from 1: where it begins.
    """

    model_config = ConfigDict(frozen=True)

    document: str
    title: str
    headings: tuple[str, ...] = ()
    sentences: tuple[str, ...]
    page: int | None = None
    url: str | None = None

    @property
    def id(self) -> str:
        """The same for the same text under the same heading of the same document."""
        return content_hash("\n".join([self.document, *self.headings, *self.sentences]))

    @property
    def heading(self) -> str:
        """The path of headings in a line, the title first."""
        return " > ".join(dict.fromkeys([self.title, *self.headings]))

    @property
    def language(self) -> str:
        """Of its sentences."""
        return language_of(" ".join(self.sentences))


def passages_of(page: Page, document: str) -> list[Passage]:
    """The page, section by section, in its order; a short section stays by itself."""
    found = []
    for headings, blocks in _sections(page):
        for sentences, number in _cut(_sentences(blocks)):
            found.append(
                Passage(
                    document=document,
                    title=page.title,
                    headings=headings,
                    sentences=sentences,
                    page=number,
                    url=page.url,
                )
            )
    return found


def _sections(page: Page) -> Iterator[tuple[tuple[str, ...], list[Block]]]:
    path: list[Block] = []
    blocks: list[Block] = []
    for block in page.blocks:
        if not block.level:
            blocks.append(block)
            continue
        yield tuple(one.text for one in path if one.text != page.title), blocks
        blocks = []
        path = [one for one in path if one.level < block.level]
        if block.text:
            path.append(block)
    yield tuple(one.text for one in path if one.text != page.title), blocks


def _sentences(blocks: Sequence[Block]) -> Iterator[tuple[str, int | None]]:
    """Each sentence, or row of a table, with its page."""
    header: list[str] | None = None
    for block in blocks:
        cells = block.text.split(CELLS)
        if len(cells) > 1 and header is None:
            header = cells
        elif len(cells) > 1 and header is not None:
            yield _row(header, cells), block.page
        else:
            header = None
            for sentence in _split(LIST_SIGN.sub("", block.text)):
                if any(character.isalnum() for character in sentence):
                    yield sentence, block.page


def _split(text: str) -> Iterator[str]:
    """Its sentences, each with the number that stands before it."""
    number = ""
    for sentence in map(str.strip, SENTENCE_END.split(text)):
        if ITEM_NUMBER.fullmatch(sentence):
            number = f"{number}{sentence} "
        else:
            yield number + sentence
            number = ""
    yield number.strip()


def _row(header: Sequence[str], cells: Sequence[str]) -> str:
    if len(header) != len(cells):
        return CELLS.join(cells)
    named = zip(header, cells, strict=True)
    return CELLS.join(f"{name}: {cell}" if name else cell for name, cell in named)


def _cut(
    sentences: Iterator[tuple[str, int | None]],
) -> Iterator[tuple[tuple[str, ...], int | None]]:
    some: list[tuple[str, int | None]] = []
    size = 0.0
    for sentence, page in sentences:
        words = _words(sentence)
        if some and size + words > MOST_WORDS:
            yield tuple(text for text, _ in some), some[0][1]
            some, size = [], 0.0
        some.append((sentence, page))
        size += words
    if some:
        yield tuple(text for text, _ in some), some[0][1]


def _words(text: str) -> float:
    return len(LATIN_WORD.findall(CHINESE.sub(" ", text))) + (
        len(CHINESE.findall(text)) / CHARACTERS_PER_WORD
    )

"""A picture becomes a question: its text, with personal data masked before anything else."""

from __future__ import annotations

from common.errors import UserError
from common.records.personal import mask
from common.records.pictures.lines import joined
from common.records.pictures.opening import open_picture
from common.records.pictures.reading import PictureReader
from common.records.text import normalise


def question_of(reader: PictureReader, content: bytes, where: str = "the picture") -> str:
    """What is written in it, personal data masked; the picture itself is kept nowhere.

    Raises:
        UserError: it is no picture, too large, or nothing can be read in it.
    """
    text = _masked(joined(reader.read(open_picture(content, where))))
    if not text:
        raise UserError(
            "no text was found in it", where=where, hint="Type the question, or take it closer."
        )
    return text


def _masked(text: str) -> str:
    """Its lines; as they were written where there is nothing personal in them."""
    plain = "\n".join(map(normalise, text.splitlines()))
    hidden = mask(plain)
    return text if hidden == plain else hidden

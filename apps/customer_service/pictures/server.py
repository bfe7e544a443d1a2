"""HTTP route: what is written in a picture, to be asked as a question."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI
from pydantic import Base64Bytes, BaseModel, ConfigDict, Field

from apps.customer_service.pictures.question import question_of
from common.records.pictures.opening import MOST_BYTES
from common.records.pictures.reading import PictureReader
from common.serving.batching import Batcher

PATH = "/v1/pictures"
# In base64 four characters stand for three bytes; and the rest of the JSON.
MOST_BODY_BYTES = MOST_BYTES * 4 // 3 + 1024
MOST_WAITING = 8
# A picture takes a second or more: who sends one waits longer than who types.
LONGEST_WAIT_SECONDS = 15.0


class Picture(BaseModel):
    """Body of `POST /v1/pictures`."""

    model_config = ConfigDict(extra="forbid")

    picture: Annotated[
        Base64Bytes, Field(description="PNG, JPEG, WEBP, GIF or BMP, in base64; up to 8 MB.")
    ]


class ReadPicture(BaseModel):
    """What is written in it."""

    text: str = Field(description="Personal data masked; a line for each paragraph.")


def pictures_batcher(reader: PictureReader) -> Batcher[bytes, str]:
    """Reads one picture at a time, in a thread of its own; none is kept."""
    return Batcher(
        lambda pictures: [question_of(reader, one) for one in pictures],
        cost=lambda _: 1,
        budget=1,
        queue_bound=MOST_WAITING,
        longest_wait=LONGEST_WAIT_SECONDS,
    )


def add_pictures(app: FastAPI, batcher: Batcher[bytes, str]) -> None:
    """Add `POST /v1/pictures`."""

    @app.post("/v1/pictures", tags=["answers"], summary="What is written in a picture")
    async def read(asked: Picture) -> ReadPicture:
        return ReadPicture(text=await batcher.submit(asked.picture))

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image
from written import picture

from common.errors import UserError
from common.records.pictures.opening import FORMATS, MOST_BYTES, open_picture


@pytest.mark.parametrize("kind", FORMATS)
def test_every_named_kind_is_read(kind: str) -> None:
    found = open_picture(picture("a", kind=kind))
    assert (found.mode, found.size) == ("RGB", (900, 120))


def test_what_is_transparent_is_white_and_what_lies_on_its_side_is_raised() -> None:
    image = Image.new("RGBA", (40, 20), (0, 0, 0, 0))
    exif = Image.Exif()
    exif[0x0112] = 6
    file = BytesIO()
    image.save(file, "PNG", exif=exif)
    found = open_picture(file.getvalue())
    assert found.size == (20, 40)
    assert found.getpixel((5, 5)) == (255, 255, 255)


def _png_of(width: int, height: int) -> bytes:
    """A PNG that promises so many pixels, and holds hardly any."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + data + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no picture"),
        (b"%PDF-1.7", "no picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no picture"),
        (picture("a")[:300], "damaged"),
        (_png_of(100_000, 90_000), "pixels|no picture"),
        (_png_of(9_000, 9_000), "9000 × 9000 pixels; at most 50 million are read"),
        (b"\x89PNG" + b"\0" * MOST_BYTES, "larger than 8 MB"),
    ],
)
def test_what_cannot_be_read_is_told(content: bytes, said: str) -> None:
    with pytest.raises(UserError, match=said) as refused:
        open_picture(content, "a.png")
    assert refused.value.where == "a.png"

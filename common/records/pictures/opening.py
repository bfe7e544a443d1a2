"""Pictures from anybody, opened within limits."""

from __future__ import annotations

import warnings
from io import BytesIO
from typing import TYPE_CHECKING

from common.errors import UserError

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_BYTES = 8_000_000
# A few kilobytes may unpack to any number of pixels.
MOST_PIXELS = 50_000_000
# Each has one decoder in Pillow, and browsers paste no other kind.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")


def open_picture(content: bytes, where: str = "the picture") -> Image:
    """The first frame, upright, in RGB, on white where it is transparent.

    Args:
        where: what an error calls it.

    Raises:
        UserError: it is no picture of a known kind, is damaged, or is too large.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    if len(content) > MOST_BYTES:
        raise UserError(
            f"larger than {MOST_BYTES // 1_000_000} MB",
            where=where,
            hint="Cut out the part that holds the text, or save it as JPEG.",
        )
    try:
        with warnings.catch_warnings():
            # Pillow warns of many pixels, which are counted here.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(BytesIO(content), formats=FORMATS)
        width, height = picture.size
        if width * height > MOST_PIXELS:
            raise UserError(
                f"{width} × {height} pixels; at most {MOST_PIXELS // 1_000_000} million are read",
                where=where,
                hint="Cut out the part that holds the text.",
            )
        upright = ImageOps.exif_transpose(picture).convert("RGBA")
    except (UnidentifiedImageError, Image.DecompressionBombError):
        raise UserError(
            "no picture that can be read", where=where, hint=f"Give {', '.join(FORMATS)}."
        ) from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        # What Pillow raises of a file that is cut off or was tampered with.
        raise UserError(f"the picture is damaged: {error}", where=where) from None
    page = Image.new("RGBA", upright.size, "white")
    return Image.alpha_composite(page, upright).convert("RGB")

"""Pictures with something written in them, for tests."""

from __future__ import annotations

from functools import cache
from io import BytesIO
from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont

LATIN = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"


@cache
def chinese_font() -> Path | None:
    """A font of this machine that holds Chinese, if there is one."""
    found = sorted(Path("/usr/share/fonts").rglob("NotoSansCJK*Regular*"))
    return found[0] if found else None


def picture(*rows: str, font: Path = LATIN, kind: str = "PNG") -> bytes:
    """Rows of black text on white, as the file of a screenshot would hold them."""
    image = Image.new("RGB", (900, 60 + 60 * max(1, len(rows))), "white")
    letters = ImageFont.truetype(font, 32)
    for number, row in enumerate(rows):
        ImageDraw.Draw(image).text((30, 30 + 60 * number), row, font=letters, fill="black")
    file = BytesIO()
    image.save(file, kind)
    return file.getvalue()

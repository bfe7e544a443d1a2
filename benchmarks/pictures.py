"""Questions as pictures, beside the same ones typed: what is read, and what is answered.

python -m benchmarks.pictures [--store DIR] [--questions 60]     # the release of `make serve`

Pictures are drawn here: a screenshot; a small one, saved as a poor JPEG; and a photograph of paper,
which is turned, dim, noisy and out of focus.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from apps.customer_service import evaluate
from apps.customer_service.answers.answering import Answerer
from apps.customer_service.data import Example
from apps.customer_service.demo.samples import SAMPLES
from apps.customer_service.release import load_release
from benchmarks.harness import parser, report, start
from common.records.personal import prepare
from common.records.pictures.lines import joined
from common.records.pictures.opening import open_picture
from common.records.pictures.reading import PictureReader
from common.records.text import language_of, normalise
from common.releases.registry import Registry
from common.serving.cpus import available_cpus

LATIN = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
WIDTH = 700


def main() -> None:
    """Draw, read, ask."""
    arguments = parser("questions as pictures")
    arguments.add_argument("--store", type=Path, default=Path("var"))
    arguments.add_argument("--questions", type=int, default=60)
    chosen = arguments.parse_args()
    start(chosen)
    examples = _examples(chosen.questions)
    answerer = load_release(Registry(chosen.store, "customer_service").open(), device="cpu")
    figures: dict[str, object] = {"questions": len(examples)}
    figures |= _answered("typed", answerer, examples, [one.text for one in examples])
    reader = PictureReader(available_cpus())
    rng = np.random.default_rng(chosen.seed)
    for name, spoil in KINDS.items():
        began = time.perf_counter()
        read = [joined(reader.read(open_picture(spoil(_drawn(one.text), rng)))) for one in examples]
        figures[f"{name}: seconds a picture"] = (time.perf_counter() - began) / len(examples)
        figures |= _errors(name, examples, read)
        figures |= _answered(name, answerer, examples, read)
    report("pictures", figures)


def _examples(count: int) -> list[Example]:
    """Of each language the same number, from everywhere among the test questions."""
    found = []
    for language in ("en", "zh"):
        with (SAMPLES / f"test.{language}.csv").open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["faq_id"]]
        step = max(1, len(rows) // (count // 2))
        found += [Example(row["question"], row["faq_id"], None) for row in rows[::step]]
    return found


def _drawn(text: str) -> Image.Image:
    """Black on white, wrapped as a screen does it."""
    chinese = language_of(text) == "zh"
    font = ImageFont.truetype(_chinese_font() if chinese else LATIN, 28)
    rows = [""]
    for piece in text if chinese else text.split():
        longer = rows[-1] + piece if chinese else f"{rows[-1]} {piece}".strip()
        if font.getlength(longer) <= WIDTH - 60:
            rows[-1] = longer
        else:
            rows.append(piece)
    image = Image.new("RGB", (WIDTH, 60 + 42 * len(rows)), "white")
    ImageDraw.Draw(image).multiline_text((30, 30), "\n".join(rows), "black", font, spacing=10)
    return image


def _chinese_font() -> Path:
    found = sorted(Path("/usr/share/fonts").rglob("NotoSansCJK-Regular*"))
    if not found:
        raise SystemExit("install a Chinese font first: apt-get install fonts-noto-cjk")
    return found[0]


def _screenshot(image: Image.Image, _: np.random.Generator) -> bytes:
    return _saved(image, "PNG")


def _poor(image: Image.Image, _: np.random.Generator) -> bytes:
    return _saved(image.resize((image.width // 2, image.height // 2)), "JPEG", quality=30)


def _photograph(image: Image.Image, rng: np.random.Generator) -> bytes:
    angle = float(rng.uniform(-5, 5))
    turned = image.rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor="white")
    blurred = turned.filter(ImageFilter.GaussianBlur(1.2))
    values = np.asarray(blurred, dtype=np.float64)
    light = np.linspace(rng.uniform(0.5, 0.8), 1.0, values.shape[1])[None, :, None]
    noisy = np.clip(values * light + rng.normal(0, 12, values.shape), 0, 255)
    return _saved(Image.fromarray(noisy.astype(np.uint8)), "JPEG", quality=70)


def _saved(image: Image.Image, kind: str, **options: int) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


KINDS: dict[str, Callable[[Image.Image, np.random.Generator], bytes]] = {
    "screenshot": _screenshot,
    "small, poor JPEG": _poor,
    "photograph": _photograph,
}


def _errors(name: str, examples: Sequence[Example], read: Sequence[str]) -> dict[str, float]:
    """Characters that were read wrongly; spaces do not count."""
    from torchmetrics.functional.text import char_error_rate

    found = {}
    for language in ("en", "zh"):
        pairs = [
            (normalise(text).replace(" ", ""), normalise(one.text).replace(" ", ""))
            for one, text in zip(examples, read, strict=True)
            if language_of(one.text) == language
        ]
        wrong = char_error_rate([a for a, _ in pairs], [b for _, b in pairs])
        found[f"{name}: characters wrong, {language}"] = float(wrong)
    return found


def _answered(
    name: str, answerer: Answerer, examples: Sequence[Example], texts: Sequence[str]
) -> dict[str, float]:
    asked = [
        Example(prepare(text) or "-", one.faq_id, None)
        for one, text in zip(examples, texts, strict=True)
    ]
    outcomes = evaluate.run(answerer, asked)
    return {f"{name}: right first": sum(one.is_right for one in outcomes) / len(outcomes)}


if __name__ == "__main__":
    main()

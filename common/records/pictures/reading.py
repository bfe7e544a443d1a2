"""What is written in a picture, English and Chinese, without a download."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.errors import UserError
from common.records.pictures.lines import Line, in_order

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

# Lines below it are mostly texture that was taken for letters.
LEAST_CONFIDENCE = 0.6


class PictureReader:
    """PP-OCR (arXiv 2009.09941) through rapidocr, whose package holds the models.

    The models are loaded with the first picture. One picture at a time.

    Args:
        threads: that it computes on.

    Raises:
        UserError: the package is not installed.
    """

    def __init__(self, threads: int) -> None:
        require_reader()
        self._threads = threads
        self._engine: Any = None

    def read(self, picture: Image) -> list[Line]:
        """The lines that can be read for sure, in order; none where there is no text.

        Args:
            picture: in RGB, as `open_picture` gives it.
        """
        import numpy as np

        if self._engine is None:
            self._engine = self._load()
        # It takes arrays for OpenCV's, whose colours run the other way.
        found = self._engine(np.ascontiguousarray(np.asarray(picture)[:, :, ::-1]))
        if found.txts is None:
            return []
        lines = []
        boxes = _upright(np.asarray(found.boxes))
        for text, confidence, corners in zip(found.txts, found.scores, boxes, strict=True):
            left, top = corners.min(0).tolist()
            right, bottom = corners.max(0).tolist()
            if text.strip() and confidence >= LEAST_CONFIDENCE:
                lines.append(Line(text, float(confidence), left, top, right, bottom))
        return in_order(lines)

    def _load(self) -> Any:
        from rapidocr import RapidOCR

        return RapidOCR(
            params={
                "Global.log_level": "error",
                "EngineConfig.onnxruntime.intra_op_num_threads": self._threads,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            }
        )


def _upright(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """[lines, 4, 2] corners from the top left one on, turned until most lines are level.

    Of a page that lies askew, what stands side by side is told by its place from what stands below.
    """
    import numpy as np

    across = boxes[:, 1] - boxes[:, 0]
    angle = float(np.median(np.arctan2(across[:, 1], across[:, 0])))
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.asarray(boxes @ np.array([[cosine, -sine], [sine, cosine]]))


def require_reader() -> None:
    """Refuse, with the command that installs it, where the package is missing.

    Raises:
        UserError: it is not installed.
    """
    from importlib.util import find_spec

    if find_spec("rapidocr") is None:
        raise UserError(
            "the package rapidocr is not installed", hint="pip install -e '.[pictures]'"
        )

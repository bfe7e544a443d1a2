"""A soup: the mean of those weights of a run that are better together than the best alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from common.tuning.task import Metric

FOLDER = "soup"
# The best evaluations are kept; worse ones are hardly ever taken, and each is as large as what
# learns.
MOST = 8


class GreedySoup:
    """Greedy soup (Wortsman et al. 2022, arXiv 2203.05482) over the evaluations of one run.

    From the best evaluation to the worst, its weights join the mean if the validation figure does
    not suffer. One that was killed goes on with the files that it left.

    Args:
        folder: where the weights of the evaluations are kept.
    """

    def __init__(self, module: nn.Module, folder: Path, monitor: Metric) -> None:
        self.folder = folder
        self.monitor = monitor
        self._learns = {n: p for n, p in module.named_parameters() if p.requires_grad}

    def add(self, step: int, figure: float) -> None:
        """Keep the weights after `step`, whose evaluation gave `figure`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        weights = {n: p.detach().cpu().clone().contiguous() for n, p in self._learns.items()}
        # Renamed once it is whole: a run may be killed while it writes.
        part = self._file(step).with_suffix(".part")
        save_file(weights, part, metadata={"figure": repr(figure)})
        part.replace(self._file(step))
        for _, worse in self._ranked()[MOST:]:
            self._file(worse).unlink()

    def choose(self, measure: Callable[[], float]) -> list[int]:
        """Leave the soup in the module; the steps that it is made of, the best first.

        Args:
            measure: the validation figure of the module as it stands.
        """
        ranked = self._ranked()
        if not ranked:
            return []
        (best, first), *others = ranked
        taken, mean = [first], load_file(self._file(first))
        for _, step in others:
            tried = _mixed(mean, load_file(self._file(step)), 1 / (len(taken) + 1))
            self._set(tried)
            if (figure := self._better(measure())) >= best:
                best, mean, taken = figure, tried, [*taken, step]
        self._set(mean)
        return taken

    def _ranked(self) -> list[tuple[float, int]]:
        """(figure, the higher the better; step) of what is kept, the best first."""
        found = []
        for path in self.folder.glob("*.safetensors"):
            with safe_open(path, framework="pt") as file:
                figure = float(file.metadata()["figure"])
            found.append((self._better(figure), int(path.stem)))
        return sorted(found, key=lambda one: (-one[0], one[1]))

    def _better(self, figure: float) -> float:
        return figure if self.monitor.higher_is_better else -figure

    def _file(self, step: int) -> Path:
        return self.folder / f"{step}.safetensors"

    @torch.no_grad()
    def _set(self, values: dict[str, Tensor]) -> None:
        for name, weights in self._learns.items():
            weights.copy_(values[name])


def _mixed(mean: dict[str, Tensor], more: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    return {name: weights.lerp(more[name], share) for name, weights in mean.items()}

"""What shops use instead, tuned and ranked in the same run: ALS, BPR and SASRec of RecTools.

RecTools does not resolve with this project, so that it has an environment of its own, which
`--peers PYTHON` names. All of them learn from the same events as the simple methods, and in
addition from the first events of who begins after the cutoff: ALS and BPR rank nobody whom they
have not learned.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from apps.recommender.baselines.tuning import FIGURE
from apps.recommender.evaluate import PLACES, Evaluation, compare, evaluate_lists, summarise
from apps.recommender.interactions.events import Events
from apps.recommender.interactions.timeline import Timeline, Window

Setting = dict[str, Any]
SCRIPT = Path(__file__).parent / "rank.py"
FIGURES = (FIGURE, "recall@50")
HINT = (
    "An environment of its own has it: python -m venv peers && "
    'peers/bin/pip install "rectools[torch]", then --peers peers/bin/python'
)
# What is tried of each on the calibration window; the best is fitted anew for the test.
GRID: dict[str, list[Setting]] = {
    "ALS": [
        {"factors": factors, "regularization": regularization, "alpha": alpha}
        for factors in (32, 128)
        for regularization in (0.1, 10.0)
        for alpha in (1.0, 20.0)
    ],
    "BPR": [
        {"factors": 64, "learning_rate": rate, "regularization": regularization, "iterations": 200}
        for rate in (0.01, 0.05)
        for regularization in (0.01, 0.1)
    ],
    # With the loss of gSASRec (arXiv 2308.07192): a softmax over all items takes a CPU far longer.
    "SASRec": [
        {"n_factors": 64, "n_heads": 2, "loss": "gBCE", "n_negatives": 32, "gbce_t": 0.75}
        | {"lr": 1e-3, "epochs": epochs}
        for epochs in (10, 40)
    ],
}


@dataclass(frozen=True)
class Peer:
    """One of them at its best setting.

    Attributes:
        evaluation: on the test queries.
        tuning, fitting: seconds that the whole grid took, and the best setting with its ranking.
    """

    evaluation: Evaluation
    setting: Setting
    tuning: float
    fitting: float

    def to_json(self) -> dict[str, Any]:
        """What stands beside its figures."""
        return {
            "setting": self.setting,
            "settings tried": len(GRID[self.evaluation.name]),
            "minutes of tuning": self.tuning / 60,
            "minutes of fitting and ranking once": self.fitting / 60,
        }


def add_peers(arguments: ArgumentParser) -> None:
    """Add `--peers`."""
    arguments.add_argument("--peers", type=Path, help=f"a Python that has RecTools. {HINT}")


def require_peers(python: Path | None) -> None:
    """End here, and not after the training, where `--peers` names a Python without RecTools."""
    if python is None:
        return
    asked = [str(python), "-c", "import rectools.models.nn.transformers.sasrec, implicit"]
    try:
        done = subprocess.run(asked, capture_output=True, check=False, text=True)
    except OSError as error:
        raise SystemExit(f"--peers {python}: {error.strerror}. {HINT}") from error
    if done.returncode:
        said = done.stderr.strip().rpartition("\n")[2]
        raise SystemExit(f"--peers {python}: there is no RecTools ({said}). {HINT}")


def peers_beside(
    python: Path | None, timeline: Timeline, model: Evaluation, minutes: float | None
) -> dict[str, Any]:
    """By library: its figures, what the model gains over it with the 95 % interval, and both times.

    Args:
        python: None: no library is compared with.
        minutes: that the model took; None: it was learned by an earlier run.
    """
    return {
        f"{one.evaluation.name} of RecTools": _beside(one, model, minutes)
        for one in (measure_peers(python, timeline) if python else [])
    }


def measure_peers(python: Path, timeline: Timeline) -> list[Peer]:
    """Each tuned by nDCG@10 on the calibration window, then ranked for the test."""
    tried = [(kind, setting) for kind, settings in GRID.items() for setting in settings]
    lists, seconds = _rank(python, timeline.calibration, tried)
    queries = timeline.calibration.queries
    figures = [summarise(evaluate_lists("", one, queries))[FIGURE] for one in lists]
    best = [
        max((n for n, (own, _) in enumerate(tried) if own == kind), key=lambda n: figures[n])
        for kind in GRID
    ]
    tested, spent = _rank(python, timeline.test, [tried[n] for n in best])
    whole = dict.fromkeys(GRID, 0.0)
    for (kind, _), taken in zip(tried, seconds, strict=True):
        whole[kind] += taken
    return [
        Peer(evaluate_lists(kind, ranked, timeline.test.queries), tried[n][1], whole[kind], once)
        for kind, n, ranked, once in zip(GRID, best, tested, spent, strict=True)
    ]


def _beside(peer: Peer, model: Evaluation, minutes: float | None) -> dict[str, Any]:
    lines: dict[str, Any] = {n: round(summarise(peer.evaluation)[n], 4) for n in FIGURES}
    for name in FIGURES:
        found = compare(model, [peer.evaluation], name)[peer.evaluation.name]
        gain = [round(value, 4) for value in (found.gain, found.low, found.high)]
        lines[f"{name}, gain over it, from, to"] = gain
    lines |= peer.to_json()
    if minutes is not None:
        both = peer.tuning + peer.fitting
        lines["minutes of the recommender"] = minutes
        lines["times as long as it, tuning and all"] = round(60 * minutes / both, 2)
        lines["times as long as it, fitted once"] = round(60 * minutes / peer.fitting, 2)
    return lines


def events_to_learn(window: Window) -> Events:
    """What was done before the window, and by whom it asks about, before they are asked about."""
    as_of = window.queries.training_before.copy()
    as_of[window.queries.users] = window.queries.as_of
    return window.known.before(as_of)


def _rank(
    python: Path, window: Window, settings: Sequence[tuple[str, Setting]]
) -> tuple[list[Any], list[float]]:
    """Lists [queries, PLACES] and seconds, by setting."""
    queries, events = window.queries, events_to_learn(window)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asked, given = folder / "window.npz", folder / "settings.json"
        np.savez(
            asked,
            user=events.user,
            item=events.item,
            time=events.time,
            asked=queries.users,
            places=PLACES,
        )
        given.write_text(json.dumps(settings), encoding="utf-8")
        one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        own = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | one_thread
        command = [str(python), str(SCRIPT), str(asked), str(given), str(folder)]
        subprocess.run(command, env=own, check=True)
        seconds: list[float] = json.loads((folder / "seconds.json").read_text(encoding="utf-8"))
        return [np.load(folder / f"{n}.npy") for n in range(len(settings))], seconds

"""Ranks by models of RecTools; run by the Python of an environment that has them.

PYTHON rank.py WINDOW.npz SETTINGS.json FOLDER

It imports nothing of this project: RecTools asks for a numpy that the project is past. The window
holds `user`, `item`, `time` [events] (seconds since 1970), `asked` [queries] user numbers and
`places`; the settings are a list of `[kind, {name: value}]`. Written are `N.npy`, int32 [queries,
places], -1 where there is no item, for the setting N, and `seconds.json`, what fitting and ranking
took of each.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

LONGEST = 50


def main() -> None:
    """Fit and rank by each setting."""
    window, settings, folder = map(Path, sys.argv[1:])
    warnings.filterwarnings("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    with np.load(window) as read:
        columns = {name: read[name] for name in read.files}
    dataset = _dataset(columns)
    # Further places would hold nothing for nearly all users.
    _, events = np.unique(columns["user"], return_counts=True)
    longest = min(LONGEST, int(np.quantile(events, 0.95)))
    seconds = []
    for number, (kind, chosen) in enumerate(json.loads(settings.read_text(encoding="utf-8"))):
        model = _model(kind, chosen, longest)
        began = time.perf_counter()
        model.fit(dataset)
        found = _ranked(model, dataset, columns["asked"], int(columns["places"]))
        seconds.append(time.perf_counter() - began)
        np.save(folder / f"{number}.npy", found)
        sys.stderr.write(f"{kind} {chosen}: {seconds[-1]:.0f} s\n")
    (folder / "seconds.json").write_text(json.dumps(seconds), encoding="utf-8")


def _dataset(columns: dict[str, Any]) -> Any:
    import pandas as pd
    from rectools.dataset import Dataset

    events = pd.DataFrame(
        {
            "user_id": columns["user"],
            "item_id": columns["item"],
            "weight": 1.0,
            "datetime": pd.to_datetime(columns["time"], unit="s"),
        }
    )
    return Dataset.construct(events)


def _model(kind: str, chosen: dict[str, Any], longest: int) -> Any:
    from implicit.als import AlternatingLeastSquares
    from implicit.bpr import BayesianPersonalizedRanking
    from rectools.models import ImplicitALSWrapperModel, ImplicitBPRWrapperModel, SASRecModel

    if kind == "SASRec":
        from pytorch_lightning import seed_everything

        seed_everything(0)
        return SASRecModel(session_max_len=longest, deterministic=True, **chosen)
    given = dict(chosen, num_threads=1, random_state=0, use_gpu=False)
    if kind == "ALS":
        return ImplicitALSWrapperModel(AlternatingLeastSquares(**given))
    return ImplicitBPRWrapperModel(BayesianPersonalizedRanking(**given))


def _ranked(model: Any, dataset: Any, asked: Any, places: int) -> Any:
    found = np.full((len(asked), places), -1, np.int32)
    given = model.recommend(
        asked, dataset, k=places, filter_viewed=True, on_unsupported_targets="ignore"
    )
    row = np.searchsorted(asked, given["user_id"].to_numpy())
    found[row, given["rank"].to_numpy() - 1] = given["item_id"].to_numpy()
    return found


if __name__ == "__main__":
    main()

"""A customer-service server over many FAQs and passages: its start, its memory, its answers.

python -m benchmarks.scale [--faqs 10000] [--passages 100000] [--requests 300] [--work DIR]

Passages are put together of sentences of the public data; their vectors are drawn at random, for
what they say costs no time. Nothing is said of how good the answers are.
"""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import parser, report, start
from benchmarks.serving import ask, served, train_on

SENTENCES = 4
WARMING = 30
# A passage is quoted from here on; the share that is makes no difference to the time.
THRESHOLD = 0.5


def main() -> None:
    """Train over the FAQs, add the passages, serve, ask."""
    arguments = parser("many FAQs and passages")
    arguments.add_argument("--faqs", type=int, default=10_000)
    arguments.add_argument("--passages", type=int, default=100_000)
    arguments.add_argument("--requests", type=int, default=300)
    arguments.add_argument("--work", type=Path, help="keep the store there, and take it from there")
    chosen = arguments.parse_args()
    start(chosen)
    with tempfile.TemporaryDirectory() as folder:
        work = chosen.work or Path(folder)
        store = work / "var"
        if not (work / "asked.json").exists():
            work.mkdir(parents=True, exist_ok=True)
            asked = train_on(work, store, chosen.faqs, chosen.data, long=False)
            _add_passages(store, chosen.passages, chosen.data)
            (work / "asked.json").write_text(json.dumps(asked), encoding="utf-8")
        texts = json.loads((work / "asked.json").read_text(encoding="utf-8"))
        began = time.perf_counter()
        with served(store) as (port, process):
            ask(port, texts[:1])
            ready = time.perf_counter() - began
            ask(port, texts[1:WARMING])
            spent = ask(port, texts[WARMING : WARMING + chosen.requests])
            megabytes = _megabytes(process)
    report(
        "scale",
        {
            "FAQs": chosen.faqs,
            "passages": chosen.passages,
            "seconds to the first answer": ready,
            "MB": megabytes,
            "p50 ms": float(np.percentile(spent, 50)),
            "p95 ms": float(np.percentile(spent, 95)),
        },
    )


def _add_passages(store: Path, count: int, data: Path) -> None:
    from apps.customer_service.documents.confidence import FEATURES, PassageConfidence
    from apps.customer_service.documents.index import PassageIndex
    from apps.customer_service.documents.passage import Passage
    from apps.customer_service.documents.quoting import Documents
    from apps.customer_service.release import load_release, save_release
    from common.evaluation.calibration import fit_calibrator
    from common.releases.registry import Registry
    from common.releases.release import write_release

    draw = random.Random(0)
    known = sorted({*_sentences(data)})
    passages = [
        Passage(
            document=f"{number // 50}.html",
            title=draw.choice(known),
            headings=(draw.choice(known),),
            sentences=tuple(draw.sample(known, SENTENCES)),
        )
        for number in range(count)
    ]
    registry = Registry(store, "customer_service")
    answerer = load_release(registry.open())
    random_numbers = np.random.default_rng(0)
    shape = (count * SENTENCES, answerer.network.dimension)
    vectors = random_numbers.standard_normal(shape, dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    signals = random_numbers.standard_normal((200, len(FEATURES)))
    calibrator = fit_calibrator(signals, signals[:, 0] > 0)
    sure = PassageConfidence(calibrator, THRESHOLD, budget=0.05, questions=200, wrong=0.0)
    documents = Documents(PassageIndex(passages, vectors), sure)
    with_them = replace(answerer, documents=documents)
    written = write_release(registry.releases, lambda to: save_release(with_them, to), {})
    registry.promote(written.release_id)


def _sentences(data: Path) -> Iterator[str]:
    """English and Chinese, of which passages are put together."""
    everything: dict[str, Any] = json.loads(
        (data / "clinc150" / "data_full.json").read_text(encoding="utf-8")
    )
    for rows in everything.values():
        yield from (text for text, _ in rows)
    for name in ("dev", "test"):
        for folder in ("thucnews_title", "lcqmc"):
            lines = (data / folder / f"{name}.txt").read_text(encoding="utf-8").splitlines()
            yield from (line.split("\t")[0] for line in lines)


def _megabytes(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main()

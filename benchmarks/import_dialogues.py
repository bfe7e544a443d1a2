"""How many dialogues a second `import` mines, on written dialogues that are varied.

python -m benchmarks.import_dialogues [--dialogues 2000] [--threads 2]

Topics, requests and replies are those of `dialogue_topics.json`, with openings, holding phrases,
order numbers and thanks between them. Each request gets words of its own before or after it, so
that nearly all are distinct, and so do half of the replies: what is encoded grows with the number
of dialogues, as it does in a real log.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.harness import report
from common.records.writing import write_table

TOPICS = json.loads(Path(__file__).with_name("dialogue_topics.json").read_text(encoding="utf-8"))
START = datetime(2024, 1, 1, tzinfo=UTC)
OWN = {
    "en": {
        "before": (
            "I ordered {} {} last {}.",
            "It is about {} {} from {}.",
            "We bought {} {} in {}.",
        ),
        "what": ("boots", "tents", "jackets", "stoves", "lamps", "ropes", "maps", "gloves", "mats"),
        "when": ("Monday", "Tuesday", "June", "week", "spring", "March", "winter", "month"),
        "reply": "This holds for {} {} too.",
    },
    "zh": {
        "before": ("我{2}买了{0}个{1}。", "是{2}那{0}件{1}的事。", "{2}拍的{0}个{1}。"),
        "what": ("帐篷", "睡袋", "冲锋衣", "登山鞋", "炉头", "头灯", "绳子", "手套", "防潮垫"),
        "when": ("周一", "上周", "三月", "春天", "月初", "前几天", "昨晚", "去年"),
        "reply": "{1}{0}件也是一样。",
    },
}


def main() -> None:
    """Write a log, import it in this process, report."""
    arguments = argparse.ArgumentParser(description="dialogues mined a second")
    arguments.add_argument("--dialogues", type=int, default=2000)
    arguments.add_argument("--threads", type=int, default=None, help="default: torch's own choice")
    arguments.add_argument("--seed", type=int, default=0)
    chosen = arguments.parse_args()

    import torch

    from apps.customer_service.importing.importing import run_import

    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.csv"
        rows = [row for turns in dialogues(chosen.dialogues, chosen.seed) for row in turns]
        write_table(log, rows)
        begun, worked = time.perf_counter(), time.process_time()
        found, _ = run_import([log], Path(folder) / "out")
        seconds, cpu = time.perf_counter() - begun, time.process_time() - worked
    requests = {text for pair in found.pairs for text in (pair.question, *pair.wordings)}
    rate = chosen.dialogues / seconds
    report(
        "import_dialogues",
        {
            "dialogues": chosen.dialogues,
            "turns": len(rows),
            "pairs": len(found.pairs),
            "distinct wordings kept": len(requests),
            "seconds": seconds,
            "dialogues a second": rate,
            "minutes for 100,000 at this rate": 100_000 / rate / 60,
            # What another process took of the cores is in the seconds, and not in these.
            "CPU seconds": cpu,
            "minutes for 100,000 on two free cores, by CPU time": cpu / chosen.dialogues * 833.3,
            "load of the machine before": before,
            "peak memory, MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        },
    )


def dialogues(count: int, seed: int) -> Iterator[list[dict[str, Any]]]:
    """The turns of each dialogue, as rows of a log."""
    draw = random.Random(seed)
    for number in range(count):
        language = draw.choice(["en", "zh"])
        said = _turns(draw, language)
        time_of = START + timedelta(minutes=5 * number)
        yield [
            {
                "conversation_id": f"d{number}",
                "role": speaker,
                "message": text,
                "created_at": (time_of + timedelta(seconds=20 * place)).isoformat(),
                "agent_id": f"agent-{number % 17}",
                "status": draw.choice(["solved", "closed", "open"]),
            }
            for place, (speaker, text) in enumerate(said)
        ]


def _turns(draw: random.Random, language: str) -> list[tuple[str, str]]:
    topic, opening = draw.choice(TOPICS[language]), TOPICS["opening"][language]
    own = OWN[language]
    words = draw.randrange(2, 40), draw.choice(own["what"]), draw.choice(own["when"])
    request = f"{draw.choice(own['before']).format(*words)} {draw.choice(topic['requests'])}"
    reply = draw.choice(topic["replies"] if draw.random() < 0.85 else opening["own"])
    if draw.random() < 0.5:
        reply = f"{reply} {str(own['reply']).format(*words)}"
    asked = draw.choice(opening["identify"])
    number = draw.choice(opening["number"]).format(draw.randrange(99_999))
    turns = [
        ("customer", draw.choice(opening["customer"])),
        ("agent", draw.choice(opening["agent"])),
        ("customer", request),
        ("agent", draw.choice(opening["hold"])),
        *([("agent", asked), ("customer", number)] if asked else []),
        ("agent", reply),
        ("customer", draw.choice(opening["thanks"])),
        ("agent", draw.choice(opening["close"])),
    ]
    return [(speaker, text) for speaker, text in turns if text]


if __name__ == "__main__":
    main()

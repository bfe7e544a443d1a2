"""What a base in 8 or 4 bits saves, and what it costs: LoRA on smollm2 for some steps.

A process of its own holds each base, learns the same of the sample questions, and tells the memory
of its parameters, the most that it took, the seconds of a step, and the loss of other questions.

python -m benchmarks.quantised [--steps 6] [--tokens 96]
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.harness import parser, report

BASES = ("none", "int8", "int4")
QUESTIONS = Path(__file__).parents[1] / "data_samples/customer_service/questions.en.csv"
BATCH = 8
# Steps of no account: memory is laid out in them.
WARMING = 1


def main() -> None:
    """One process for each base, one after another."""
    options = parser("smollm2: LoRA beside a base in full, in 8 and in 4 bits")
    options.add_argument("--steps", type=int, default=6)
    options.add_argument("--tokens", type=int, default=96, help="of each text")
    options.add_argument("--base", choices=BASES, help="only this one, in this process")
    chosen = options.parse_args()
    if chosen.base:
        print(json.dumps(_learn(chosen.base, chosen.steps, chosen.tokens, chosen.threads)))
        return
    found = {}
    for base in BASES:
        command = [sys.executable, "-m", "benchmarks.quantised", "--base", base, *sys.argv[1:]]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found[base] = json.loads(done.stdout.splitlines()[-1])
        print(base, found[base], flush=True)
    sizes = {"texts a step": BATCH, "tokens a text": chosen.tokens, "steps": chosen.steps}
    report("quantised", {**sizes, **found})


def _learn(base: str, steps: int, tokens: int, threads: int | None) -> dict[str, float]:
    import torch

    from common.models.adapting.adapter import Adapter
    from common.models.adapting.adding import add_adapter
    from common.models.adapting.quantised import computing_in
    from common.models.generator import load_generator
    from common.models.sources.bundled import locate

    if threads:
        torch.set_num_threads(threads)
    held: Any = None if base == "none" else base
    generator = load_generator(locate("smollm2"), quantised=held)
    network: Any = generator.network
    torch.manual_seed(0)
    add_adapter(network, Adapter("lora"))
    parameters = list(network.parameters())
    optimizer = torch.optim.AdamW([p for p in parameters if p.requires_grad], lr=1e-3)
    ids: Any = generator.tokenizer(QUESTIONS.read_text(encoding="utf-8"))["input_ids"]
    texts = torch.tensor(ids[: BATCH * tokens * (steps + 1)]).view(-1, BATCH, tokens)
    seconds = []
    with computing_in(network, torch.bfloat16):
        for batch in texts[:-1]:
            began = time.perf_counter()
            with torch.autocast("cpu", torch.bfloat16):
                network(input_ids=batch, labels=batch).loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            seconds.append(time.perf_counter() - began)
    network.eval()
    with torch.no_grad():
        left = float(network(input_ids=texts[-1], labels=texts[-1]).loss)
    return {
        "parameters, MB": sum(p.numel() * p.element_size() for p in parameters) / 1e6,
        "process at most, MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "seconds a step": median(seconds[WARMING:]),
        "loss of other questions": left,
    }


if __name__ == "__main__":
    main()

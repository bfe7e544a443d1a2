"""Fine-tuning beside a plain Trainer script: same model, texts, batch size and precision.

The plain script pads each batch to its longest text, as ours does, and knows nothing of lengths
otherwise.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from functools import partial
from time import perf_counter
from typing import Any

import torch
from transformers import Trainer, TrainerCallback, TrainerControl, TrainingArguments

from benchmarks.gpu.bench import Bench
from benchmarks.gpu.models import CAUSAL
from benchmarks.gpu.row import Row
from benchmarks.gpu.task import TextClassification
from benchmarks.gpu.texts import labelled_texts
from common.models.encoder import load_encoder
from common.models.generator import load_generator
from common.records.splits import Splits
from common.tuning.finetune import finetune
from common.tuning.pretraining.clm import NextTokenModule, TextGenerator
from common.tuning.pretraining.objective import PretrainingTask
from common.tuning.settings import Settings

LANGUAGES = {"minilm": ("en",), "e5-small": ("en", "zh"), CAUSAL: ("en",)}
LONGEST = 128
LORA: dict[str, Any] = {
    "r": 16,
    "lora_alpha": 32,
    "lora_dropout": 0.05,
    "target_modules": "all-linear",
}


class Pace(TrainerCallback):
    """When steps end, after the first few; and the end of the run, when they are enough."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.steps = 0
        self.began = self.ended = 0.0
        self.counted = 0

    def on_step_end(
        self, args: TrainingArguments, state: Any, control: TrainerControl, **_: Any
    ) -> None:
        """Look at the clock where it matters: waiting for the card costs time."""
        scale, self.steps = self.bench.scale, self.steps + 1
        if self.steps == scale.warm_steps:
            self.bench.wait()
            self.began = perf_counter()
        is_last = self.steps >= scale.warm_steps + scale.steps or self.bench.left <= 0
        if is_last and not self.ended:
            self.bench.wait()
            self.ended = perf_counter()
            self.counted = self.steps - scale.warm_steps
            control.should_training_stop = True

    def on_epoch_end(
        self, args: TrainingArguments, state: Any, control: TrainerControl, **_: Any
    ) -> None:
        """Write no checkpoint."""
        control.should_save = False

    @property
    def seconds(self) -> float:
        """Of one step.

        Raises:
            TimeoutError: the time was over before a step counted.
        """
        if self.counted <= 0:
            raise TimeoutError("no time for one step")
        return (self.ended - self.began) / self.counted


def measure(bench: Bench) -> Iterator[Row]:
    """Full and LoRA of each model; then the same compiled, beside itself."""
    plain = [(name, how) for name in LANGUAGES for how in ("full", "lora")]
    seconds: dict[tuple[str, str], float] = {}
    for name, how in plain:
        if bench.left <= 0:
            yield Row(f"{name}, {how}", "left out", note="no time left")
            continue
        ours = _paced(bench, partial(_ours, bench, name, how))
        seconds[name, how] = ours[0]
        yield from _rows(bench, name, how, ours, _paced(bench, partial(_plain, bench, name, how)))
    for (name, how), usual in seconds.items():
        if bench.is_smoke or bench.left <= 0:
            why = "takes a compiler a minute" if bench.is_smoke else "no time left"
            yield Row(f"{name}, {how}, torch_compile", "left out", note=why)
            continue
        compiled, _ = _paced(bench, partial(_ours, bench, name, how, torch_compile=True))
        batch = _batch(bench, name)
        yield Row(
            f"{name}, {how}, torch_compile",
            batch / compiled,
            "texts/s",
            "not compiled",
            batch / usual,
        )


def _rows(
    bench: Bench,
    name: str,
    how: str,
    ours: tuple[float, float],
    plain: tuple[float, float],
) -> Iterator[Row]:
    batch = _batch(bench, name)
    note = f"{ours[0]:.4f} s a step of {batch}"
    if name == "e5-small" and how == "full":
        note += "; its table of words is frozen by default, the peer's learns"
    what = f"{name}, {how}, {bench.precision}"
    yield Row(what, batch / ours[0], "texts/s", "plain Trainer", batch / plain[0], note)
    if bench.device.type == "cuda":
        yield Row(f"{what}, peak memory", ours[1], "GiB", "plain Trainer", plain[1])


def _paced(bench: Bench, run: Callable[[Pace], object]) -> tuple[float, float]:
    """Seconds of a step, and the most memory of the card in GiB."""
    gc.collect()
    is_card = bench.device.type == "cuda"
    if is_card:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    pace = Pace(bench)
    run(pace)
    return pace.seconds, torch.cuda.max_memory_allocated() / 2**30 if is_card else 0.0


def _batch(bench: Bench, name: str) -> int:
    return bench.scale.causal_batch if name == CAUSAL else bench.scale.training_batch


def _drawn(bench: Bench, name: str) -> list[tuple[str, str]]:
    steps = bench.scale.warm_steps + bench.scale.steps
    return labelled_texts(_batch(bench, name) * steps, LANGUAGES[name])


def _ours(bench: Bench, name: str, how: str, pace: Pace, **further: Any) -> None:
    records = _drawn(bench, name)
    settings = Settings(
        strategy=how,
        epochs=1,
        batch_size=_batch(bench, name),
        tracking="none",
        **further,
    )
    task: Any
    if name == CAUSAL:
        found = load_generator(bench.source(name))
        pretrained: Any = TextGenerator(found.source, found.network, found.tokenizer, LONGEST)
        task = PretrainingTask("clm", NextTokenModule)
        splits: Splits[Any] = Splits([text for text, _ in records], [], [])
    else:
        pretrained = load_encoder(bench.source(name))
        task = TextClassification(records)
        splits = Splits(records, [], [])
    finetune(task, pretrained, splits, settings, work=bench.work / "ours", watchers=[pace])


def _plain(bench: Bench, name: str, how: str, pace: Pace) -> None:
    from transformers import (
        AutoModelForCausalLM,
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorForLanguageModeling,
        DataCollatorWithPadding,
    )

    records = _drawn(bench, name)
    labels = sorted({label for _, label in records})
    directory = bench.source(name).directory
    tokenizer = AutoTokenizer.from_pretrained(directory)
    tokenizer.padding_side = "right"
    encoded = tokenizer([text for text, _ in records], truncation=True, max_length=LONGEST)
    data: list[dict[str, Any]] = [
        {key: encoded[key][i] for key in ("input_ids", "attention_mask")}
        for i in range(len(records))
    ]
    if name == CAUSAL:
        model: Any = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
        collator: Any = DataCollatorForLanguageModeling(tokenizer, mlm=False)
    else:
        model = AutoModelForSequenceClassification.from_pretrained(
            directory, num_labels=len(labels), dtype=torch.float32
        )
        collator = DataCollatorWithPadding(tokenizer)
        for row, (_, label) in zip(data, records, strict=True):
            row["labels"] = labels.index(label)
    if how == "lora":
        from peft import LoraConfig, get_peft_model

        kind = "CAUSAL_LM" if name == CAUSAL else "SEQ_CLS"
        model = get_peft_model(model, LoraConfig(task_type=kind, **LORA))
    arguments = TrainingArguments(
        str(bench.work / "plain"),
        num_train_epochs=1,
        per_device_train_batch_size=_batch(bench, name),
        bf16=bench.precision == "bf16",
        fp16=bench.precision == "fp16",
        use_cpu=bench.device.type == "cpu",
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
    )
    Trainer(
        model=model, args=arguments, train_dataset=data, data_collator=collator, callbacks=[pace]
    ).train()

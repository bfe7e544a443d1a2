"""Paraphrases: each text translated into another language and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from common.console import progress, say
from common.errors import UserError
from common.models.loading import open_pretrained
from common.models.sources.bundled import locate
from common.records.text import fold, language_of
from common.tuning.augmentation.protected import protected

FILE = "paraphrases.jsonl"
TEXTS_PER_BATCH = 16
LONGEST = 256

Translate = Callable[[Sequence[str]], list[str]]


def back_translate(
    texts: Sequence[str], models: str, folder: Path, device: torch.device
) -> dict[str, str]:
    """Text → paraphrase (Sennrich et al. 2016, arXiv 1511.06709), of those that have a usable one.

    Usable: in the text's own language, other than the text, with its numbers, placeholders and
    negations. What is translated is kept in `folder`, so that an interrupted run goes on.

    Args:
        models: the names of two sequence-to-sequence models, there and back, with a comma between.

    Raises:
        UserError: a model is not there or cannot translate.
    """
    file = folder / FILE
    known = _read(file)
    missing = sorted({text for text in texts if text not in known}, key=len)
    if missing:
        there, back = (_open(name.strip(), device) for name in models.split(","))
        folder.mkdir(parents=True, exist_ok=True)
        with (
            progress("Translating there and back", len(missing)) as advance,
            file.open("a", encoding="utf-8") as out,
        ):
            # What was half written when a run was killed ends here.
            out.write("\n")
            for start in range(0, len(missing), TEXTS_PER_BATCH):
                batch = missing[start : start + TEXTS_PER_BATCH]
                for text, paraphrase in zip(batch, back(there(batch)), strict=True):
                    known[text] = paraphrase
                    out.write(json.dumps([text, paraphrase], ensure_ascii=False) + "\n")
                out.flush()
                advance(len(batch))
    usable = {text: known[text] for text in texts if _is_usable(text, known[text])}
    say(f"Paraphrases of {len(usable):,} of {len(set(texts)):,} training texts are usable.")
    return usable


def _read(file: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    if file.exists():
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            with suppress(json.JSONDecodeError, ValueError):
                text, paraphrase = json.loads(line)
                found[text] = paraphrase
    return found


def _is_usable(text: str, paraphrase: str) -> bool:
    return (
        bool(fold(paraphrase))
        and fold(paraphrase) != fold(text)
        and language_of(paraphrase) == language_of(text)
        and sorted(protected(paraphrase)) == sorted(protected(text))
    )


def _open(name: str, device: torch.device) -> Translate:
    """What translates with the model of this name or in this directory."""
    source = locate(name)
    try:
        network, tokenizer = open_pretrained("AutoModelForSeq2SeqLM", source.directory)
    except ImportError as error:
        raise UserError(
            f"this model's tokenizer needs a library: {str(error).strip().splitlines()[0]}",
            where=name,
            hint='pip install "bizlm[translation]"',
        ) from None
    network.to(device).eval()

    def translate(texts: Sequence[str]) -> list[str]:
        batch: Any = tokenizer(
            list(texts), padding=True, truncation=True, max_length=LONGEST, return_tensors="pt"
        )
        given = {name: batch[name].to(device) for name in ("input_ids", "attention_mask")}
        with torch.inference_mode():
            found = network.generate(**given, max_new_tokens=LONGEST, num_beams=1, do_sample=False)
        return [text.strip() for text in tokenizer.batch_decode(found, skip_special_tokens=True)]

    return translate

"""What a run of distillation may be asked to do; seen before anything is read or loaded."""

from __future__ import annotations

from pathlib import Path

from common.errors import UserError
from common.files import read_json
from common.models.sentence_modules import encoder_directory
from common.models.sources.bundled import Source
from common.tuning.configuration import OF_LABELS, refuse_unused
from common.tuning.settings import Settings

# Encoders whose layers are all of one kind, so that any of them can be left out.
FAMILIES = ("bert", "roberta", "xlm-roberta", "camembert", "electra", "mpnet")


def check_choices(
    teacher: Source, layers: int | None, settings: Settings, out: Path, *, trims: bool
) -> int:
    """See that the run makes sense.

    Args:
        layers: of the student; None: half of the teacher's.
        trims: whether the vocabulary is cut as well.

    Returns:
        How many layers the student gets.

    Raises:
        UserError: it does not, or the teacher is none whose layers can be left out.
    """
    if out.exists():
        raise UserError("it is there already", where=str(out), hint="Choose another --out.")
    if settings.strategy == "head":
        raise UserError(
            "strategy head: the student is what learns here, and it would be frozen",
            hint="Take full, lora or top-layers:N.",
        )
    refuse_unused(settings, OF_LABELS)
    config = read_json(encoder_directory(teacher.directory) / "config.json")
    if config.get("model_type") not in FAMILIES:
        raise UserError(
            f"--teacher {teacher.name}: layers of the kind {config.get('model_type')!r} "
            "cannot be left out",
            hint=f"These can be taught from: {', '.join(FAMILIES)}.",
        )
    of_teacher = int(config["num_hidden_layers"])
    wanted = max(1, of_teacher // 2) if layers is None else layers
    if wanted > of_teacher:
        raise UserError(f"--layers {wanted}, but {teacher.name} has {of_teacher} layers")
    if wanted == of_teacher and not trims:
        raise UserError(
            f"--layers {wanted}: {teacher.name} has no more, so nothing would be smaller",
            hint="Ask for fewer layers, or for --trim-vocabulary.",
        )
    return wanted

"""What follows the encoder in a sentence-transformers directory: pooling and projections.

`modules.json` names them in their order. Mean pooling, which nearly all models have, is computed
here; all else by sentence-transformers' own modules, which are imported only then.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import UserError
from common.files import file_sha256, read_json, write_json

if TYPE_CHECKING:
    from torch import Tensor, nn

MODULES, LENGTH = "modules.json", "sentence_bert_config.json"
# The names by which every version of sentence-transformers knows them.
NAMES = "sentence_transformers.models."
# What a file may name; nothing else is executed.
KNOWN = ("Pooling", "Dense", "LayerNorm", "Dropout", "Normalize")
# A task's own projection lies here: a release that is served computes it from its heads.
PROJECTION = "projection"
LAST_TOKEN = "lasttoken"
# The older form of the setting, a key each, which newer versions read as well.
KEYS = {
    "cls": "pooling_mode_cls_token",
    "max": "pooling_mode_max_tokens",
    "mean": "pooling_mode_mean_tokens",
    "mean_sqrt_len_tokens": "pooling_mode_mean_sqrt_len_tokens",
    "weightedmean": "pooling_mode_weightedmean_tokens",
    LAST_TOKEN: "pooling_mode_lasttoken",
}


@dataclass(frozen=True)
class Projection:
    """What a task learned on top of the pooled vectors: weight [to, from] and bias [to]."""

    weight: Tensor
    bias: Tensor | None = None


def encoder_directory(directory: Path) -> Path:
    """Where the transformer itself lies: mostly in the directory, sometimes in a folder of it."""
    first = _listed(directory)[:1]
    return directory / first[0]["path"] if first else directory


def read_text_settings(directory: Path) -> tuple[int | None, bool]:
    """The longest input in tokens, if the model says so, and whether it reads lower case only."""
    path = encoder_directory(directory) / LENGTH
    settings = read_json(path) if path.is_file() else {}
    length = settings.get("max_seq_length")
    return (int(length) if length else None), bool(settings.get("do_lower_case"))


def read_modules(
    directory: Path, *, width: int, is_causal: bool, projected: bool = True
) -> list[nn.Module]:
    """The modules after the encoder; none stands for mean pooling.

    The `Normalize` at the end is left out: heads see vectors as they are, and whoever gives
    vectors away normalises them.

    Args:
        width: of the encoder's hidden states.
        is_causal: a causal model that says nothing of pooling has read all only at its last token.
        projected: whether a task's own projection is one of them.

    Raises:
        UserError: a module that is not known here.
    """
    listed = _listed(directory)[1:]
    if not projected:
        listed = [entry for entry in listed if entry["path"] != PROJECTION]
    while listed and _kind(listed[-1], directory) == "Normalize":
        listed.pop()
    if not listed:
        return [_last_token(width)] if is_causal else []
    kinds = [_kind(entry, directory) for entry in listed]
    if kinds == ["Pooling"] and _is_mean(directory / listed[0]["path"]):
        return []
    _check_weights(kinds, [directory / entry["path"] for entry in listed])
    from sentence_transformers.sentence_transformer import modules

    return [
        getattr(modules, kind).load(str(directory / entry["path"]))
        for kind, entry in zip(kinds, listed, strict=True)
    ]


def write_modules(
    directory: Path,
    modules: list[nn.Module],
    *,
    width: int,
    max_length: int,
    lower_case: bool,
    projection: Projection | None = None,
) -> None:
    """Make `directory`, which holds the encoder already, one that sentence-transformers opens.

    Args:
        modules: as `read_modules` gave them.
        width: of the encoder's hidden states.
        projection: the task's own.
    """
    write_json(directory / LENGTH, {"max_seq_length": max_length, "do_lower_case": lower_case})
    listed = [("", "Transformer")]
    if not modules:
        _write_pooling(directory / "1_Pooling", width, ["mean"], include_prompt=True)
        listed.append(("1_Pooling", "Pooling"))
    for number, module in enumerate(modules, start=1):
        kind = type(module).__name__
        place = directory / f"{number}_{kind}"
        place.mkdir(exist_ok=True)
        if kind == "Pooling":
            modes = module.pooling_mode
            _write_pooling(
                place,
                width,
                [modes] if isinstance(modes, str) else list(modes),  # type: ignore[arg-type]
                include_prompt=bool(module.include_prompt),
            )
        else:
            module.save(str(place))  # type: ignore[operator]
        listed.append((place.name, kind))
    if projection is not None:
        _write_projection(directory / PROJECTION, projection)
        listed.append((PROJECTION, "Dense"))
    listed.append((f"{len(listed)}_Normalize", "Normalize"))
    write_json(
        directory / MODULES,
        [
            {"idx": n, "name": str(n), "path": path, "type": NAMES + kind}
            for n, (path, kind) in enumerate(listed)
        ],
    )


def _listed(directory: Path) -> list[dict[str, Any]]:
    path = directory / MODULES
    if not path.is_file():
        return []
    listed: Any = read_json(path)
    try:
        found = sorted(listed, key=lambda entry: entry["idx"])
        kinds = {entry["path"]: _kind(entry, directory) for entry in found}
        first = kinds[found[0]["path"]]
    except (TypeError, KeyError, IndexError):
        raise UserError("not a list of modules", where=str(path)) from None
    if first != "Transformer":
        raise UserError(
            f"begins with a module {first}: only models that begin with a transformer are read",
            where=str(path),
        )
    return found


def _kind(entry: dict[str, Any], directory: Path) -> str:
    kind = str(entry["type"]).rpartition(".")[2]
    is_ours = str(entry["type"]).startswith("sentence_transformers.")
    if not is_ours or kind not in {"Transformer", *KNOWN}:
        raise UserError(
            f"a module {entry['type']}: not known here",
            where=str(directory / MODULES),
            hint=f"Known modules: {', '.join(KNOWN)}.",
        )
    return kind


def _check_weights(kinds: list[str], places: list[Path]) -> None:
    for kind, place in zip(kinds, places, strict=True):
        if kind in {"Dense", "LayerNorm"} and not (place / "model.safetensors").is_file():
            raise UserError(
                "no model.safetensors: only weights in this format are read",
                where=str(place),
                hint="Save the model again with a recent sentence-transformers.",
            )


def _is_mean(place: Path) -> bool:
    settings = read_json(place / "config.json")
    modes = [name for name, key in KEYS.items() if settings.get(key)]
    is_mean = settings.get("pooling_mode", modes) in ("mean", ["mean"])
    return is_mean and bool(settings.get("include_prompt", True))


def _last_token(width: int) -> nn.Module:
    from sentence_transformers.sentence_transformer.modules import Pooling

    pooling: nn.Module = Pooling(width, LAST_TOKEN)
    return pooling


def _write_pooling(place: Path, width: int, modes: list[str], *, include_prompt: bool) -> None:
    place.mkdir(exist_ok=True)
    chosen = {key: name in modes for name, key in KEYS.items()}
    write_json(
        place / "config.json",
        {"word_embedding_dimension": width, **chosen, "include_prompt": include_prompt},
    )


def _write_projection(place: Path, projection: Projection) -> None:
    from sentence_transformers.sentence_transformer.modules import Dense
    from torch import nn

    place.mkdir(exist_ok=True)
    weight, bias = projection.weight, projection.bias
    dense = Dense(
        weight.shape[1],
        weight.shape[0],
        bias=bias is not None,
        activation_function=nn.Identity(),
    )
    dense.linear.weight.data = weight.detach().cpu().clone()
    if bias is not None:
        dense.linear.bias.data = bias.detach().cpu().clone()
    dense.save(str(place))


def directory_id(directory: Path) -> str:
    """Names an encoder by its files, wherever they lie; what is learned on top is none of them."""
    files = {path.relative_to(directory).as_posix(): path for path in directory.rglob("*")}
    own = sorted(
        (name, path)
        for name, path in files.items()
        if path.is_file() and not name.startswith(f"{PROJECTION}/")
    )
    hashes = [f"{name} {file_sha256(path)}" for name, path in own]
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()[:16]

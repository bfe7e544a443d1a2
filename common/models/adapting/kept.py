"""A network written as what was pretrained and, beside it, what was added and learned.

A directory then holds `config.json` and the tokenizer as always, `base/` with the weights as they
were pretrained, which releases share, `adapter.safetensors`, and `adapter.json`, which says what
they are and which base they belong to.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.files import directory_hashes, read_json, write_json
from common.models.adapting.adapter import BASE, Adapter, adapter_of
from common.models.adapting.adding import add_adapter, is_added
from common.models.adapting.quantised import quantised_as

ABOUT, WEIGHTS = "adapter.json", "adapter.safetensors"
# Before the names of what stands above the base model.
HEAD = "head:"


def save_adapted(network: Any, weights: Mapping[str, Any], directory: Path, name: str) -> None:
    """Write `network` into `directory`, base and adapter apart.

    Args:
        weights: the network's, by their names in it.
        name: of the base model.
    """
    from safetensors.torch import save_file

    adapter = adapter_of(network)
    assert adapter is not None
    own = _added(network) | _heads(network)
    apart = {*own.values()}
    base = {_bare(key): tensor for key, tensor in weights.items() if key not in apart}
    _write_base(network, base, directory / BASE)
    network.config.save_pretrained(directory)
    save_file({key: weights[name] for key, name in own.items()}, directory / WEIGHTS)
    about = {"base": {"name": name, "sha256": _weights_in(directory / BASE)}}
    write_json(directory / ABOUT, about | {"adapter": {"kind": adapter.kind, **adapter.sizes}})


def base_directory(directory: Path) -> Path:
    """Where the weights of a network lie that may be written as base and adapter.

    Raises:
        UserError: the base is missing, or is not the one that the adapter was learned on.
    """
    if not (directory / ABOUT).is_file():
        return directory
    base = read_json(directory / ABOUT)["base"]
    found = _weights_in(directory / BASE)
    for name, expected in base["sha256"].items():
        if found.get(name) != expected:
            trouble = "was changed" if name in found else "is missing"
            raise UserError(
                f"{BASE}/{name} {trouble}: the weights of {base['name']} that this model's adapter "
                "was learned on",
                where=str(directory),
                hint=f"Put back the file with the SHA-256 {expected}.",
            )
    return directory / BASE


def restore_adapter(network: Any, directory: Path) -> None:
    """Add to a base that was loaded what lies in `directory` beside it, if anything does."""
    from safetensors.torch import load_file

    if (directory / ABOUT).is_file():
        add_adapter(network, Adapter(**read_json(directory / ABOUT)["adapter"]))
        # A head that this kind of network has not is left, as in any checkpoint.
        names = _added(network) | {HEAD + name: name for name in network.state_dict()}
        learned = load_file(directory / WEIGHTS)
        found = {names[key]: tensor for key, tensor in learned.items() if key in names}
        network.load_state_dict(found, strict=False)


def _write_base(network: Any, weights: Mapping[str, Any], directory: Path) -> None:
    if quantised_as(network) is None:
        network.save_pretrained(directory, state_dict=weights)
        return
    from safetensors.torch import save_file

    # Of what is quantised, transformers would write all that it finds, what was added among it.
    own = {name: one for name, one in weights.items() if name not in network.all_tied_weights_keys}
    network.config.save_pretrained(directory)
    if network.can_generate():
        network.generation_config.save_pretrained(directory)
    save_file(own, directory / "model.safetensors", metadata={"format": "pt"})


def _added(network: Any) -> dict[str, str]:
    """Names of what was added: in the base model, whatever stands above it, → in the network."""
    within = {id(p): name for name, p in network.base_model.named_parameters() if is_added(name)}
    return {within[id(p)]: name for name, p in network.named_parameters() if id(p) in within}


def _heads(network: Any) -> dict[str, str]:
    """What learns above the base model: names in the file → in the network."""
    frozen = {id(parameter) for parameter in network.base_model.parameters()}
    output = network.get_output_embeddings()
    frozen |= {id(parameter) for parameter in ([] if output is None else output.parameters())}
    names = (name for name, parameter in network.named_parameters() if id(parameter) not in frozen)
    return {HEAD + name: name for name in names}


def _bare(name: str) -> str:
    """A weight's name in the network to which nothing was added."""
    return name.replace(".base_layer.", ".")


def _weights_in(directory: Path) -> dict[str, str]:
    hashes = directory_hashes(directory) if directory.is_dir() else {}
    return {name: digest for name, digest in hashes.items() if name.endswith(".safetensors")}

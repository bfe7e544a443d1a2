"""The one file that leaves a party, beside it what is said of it; never a text.

`NAME.safetensors` holds the weighted update as integers modulo 2⁶⁴, under masks where the round
has them. `NAME.json`, written last, vouches for it: who learned, in which round, with what promise
of privacy; and a sketch of the update, which tells agreement where the update itself is masked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import UserError
from common.files import file_sha256, read_json, write_atomically, write_json
from common.tuning.federated.fixed_point import Integers, decode, encode
from common.tuning.federated.masks import mask
from common.tuning.federated.round import CONTRIBUTIONS, Roster, read_as

Floats = NDArray[np.float64]
# Numbers in a sketch: cosines are told to some ± 1 / √WIDTH.
WIDTH = 8192


@dataclass(frozen=True)
class Contribution:
    """What a party sends.

    Attributes:
        roster: the digest of the round and its parties that it is of.
        base: SHA-256 of the base model's weight files.
        sha256: of the file of integers.
        sketch: of the body, before masks; see `sketch_of`. Empty where nothing is masked.
        privacy: what training with privacy guarantees; None: it was without.
    """

    party: str
    roster: str
    base: dict[str, str]
    sha256: str
    sketch: list[float]
    privacy: dict[str, Any] | None


def write_contribution(
    roster: Roster,
    party: str,
    update: Mapping[str, Floats],
    body: Mapping[str, Floats],
    privacy: Mapping[str, Any] | None,
    private_key: Path,
) -> Path:
    """Weigh, mask and write an update.

    Args:
        update: see `Update.placed`.
        body: of it, what all parties share.

    Returns:
        The file of integers.
    """
    from safetensors.numpy import save

    weight = roster.weights[party]
    integers = {name: encode(values * weight) for name, values in update.items()}
    if roster.round.masked:
        integers = mask(integers, party, private_key, roster.keys, roster.digest)
    path = roster.round.directory / CONTRIBUTIONS / f"{party}.safetensors"
    write_atomically(path, save(integers))
    sketch = sketch_of(body, roster.round.seed).tolist() if roster.round.masked else []
    made = Contribution(
        party,
        roster.digest,
        roster.round.weights,
        file_sha256(path),
        sketch,
        dict(privacy) if privacy else None,
    )
    write_json(path.with_suffix(".json"), asdict(made))
    return path


def read_contributions(roster: Roster) -> dict[str, Contribution]:
    """What each party says of what it sent; those that sent nothing, or not all of it, are missing.

    Raises:
        UserError: a contribution is of another base model, or of other parties.
    """
    found = {}
    for party in roster.round.parties:
        path = roster.round.directory / CONTRIBUTIONS / f"{party}.json"
        if not path.exists():
            continue
        made = read_as(Contribution, read_json(path), path)
        if made.base != roster.round.weights:
            raise UserError(
                f"the contribution of {party} was learned on another base model",
                where=str(path),
                hint=f"Let {party} contribute with the model that the round names.",
            )
        if made.party != party or len(made.sketch) != (WIDTH if roster.round.masked else 0):
            raise UserError(
                f"this is no contribution of {party} to this round",
                where=str(path),
                hint=f"Let {party} contribute again.",
            )
        values = path.with_suffix(".safetensors")
        # One of before somebody was dropped, or joined again, is as good as none.
        is_whole = values.exists() and file_sha256(values) == made.sha256
        if made.roster == roster.digest and is_whole:
            found[party] = made
    return found


def read_integers(
    roster: Roster, party: str, shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, Integers]:
    """The file of integers.

    Args:
        shapes: what it must hold.

    Raises:
        UserError: it holds something else.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path = roster.round.directory / CONTRIBUTIONS / f"{party}.safetensors"
    try:
        found: dict[str, Integers] = load_file(path)
    except SafetensorError as error:
        raise UserError(f"not a contribution: {error}", where=str(path)) from None
    held = {name: (values.shape, values.dtype) for name, values in found.items()}
    wanted = {name: (shape, np.dtype(np.uint64)) for name, shape in shapes.items()}
    if held != wanted:
        wrong = sorted(
            name for name in held.keys() | wanted.keys() if held.get(name) != wanted.get(name)
        )
        raise UserError(
            f"the contribution of {party} does not fit the round: {wrong[0]}",
            where=str(path),
            hint=f"Let {party} contribute again, with the version that the coordinator has.",
        )
    return found


def unweighted(integers: Mapping[str, Integers], weight: float) -> dict[str, Floats]:
    """The update that was written, where it is not masked."""
    return {name: decode(values) / weight for name, values in integers.items()}


def sketch_of(body: Mapping[str, Floats], seed: int) -> Floats:
    """[WIDTH], a count sketch: linear, and it keeps inner products but for chance.

    Every value goes with a random sign to one of WIDTH sums (Charikar, Chen and Farach-Colton 2002;
    Weinberger et al. 2009, arXiv 0902.2206).
    """
    draw = np.random.Generator(np.random.PCG64(seed))
    found = np.zeros(WIDTH)
    for name in sorted(body):
        values = body[name].ravel()
        places = draw.integers(0, WIDTH, len(values))
        signs = draw.integers(0, 2, len(values)) * 2 - 1
        found += np.bincount(places, weights=signs * values, minlength=WIDTH)
    return found


def flat(body: Mapping[str, Floats], names: Sequence[str]) -> Floats:
    """All values of some parameters, one after the other."""
    return np.concatenate([body[name].ravel() for name in names])

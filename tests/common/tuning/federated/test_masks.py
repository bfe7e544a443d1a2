from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from common.errors import UserError
from common.tuning.federated.fixed_point import LIMIT, decode, encode
from common.tuning.federated.masks import make_key, mask

PARTIES = ("north", "south", "web")
SALT = "ab" * 32


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    return {party: make_key(tmp_path / party / "private.key") for party in PARTIES}


def _updates() -> dict[str, dict[str, np.ndarray]]:
    draw = np.random.default_rng(0)
    return {p: {"b": draw.normal(size=(3, 4)), "a": draw.normal(size=())} for p in PARTIES}


def test_masks_cancel_exactly(tmp_path: Path, keys: dict[str, str]) -> None:
    plain = {p: {n: encode(v) for n, v in one.items()} for p, one in _updates().items()}
    masked = {p: mask(plain[p], p, tmp_path / p / "private.key", keys, SALT) for p in PARTIES}
    for name in ("a", "b"):
        sums = [np.sum([one[p][name] for p in PARTIES], axis=0) for one in (plain, masked)]
        np.testing.assert_array_equal(sums[0], sums[1])


def test_one_alone_or_two_of_three_are_noise(tmp_path: Path, keys: dict[str, str]) -> None:
    zeros = {"a": encode(np.zeros(4096))}
    masked = [mask(zeros, p, tmp_path / p / "private.key", keys, SALT)["a"] for p in PARTIES]
    for values in (masked[0], masked[0] + masked[1]):
        # Uniform over all integers: half of all bits are set, to five standard deviations.
        share = np.unpackbits(values.view(np.uint8)).mean()
        assert abs(share - 0.5) < 5 * 0.5 / np.sqrt(64 * 4096)


def test_another_round_has_other_masks(tmp_path: Path, keys: dict[str, str]) -> None:
    zeros = {"a": encode(np.zeros(64))}
    key = tmp_path / "north" / "private.key"
    first, second = (mask(zeros, "north", key, keys, salt)["a"] for salt in (SALT, "cd" * 32))
    assert (first != second).all()


def test_masks_hide_one_update_and_no_other(tmp_path: Path, keys: dict[str, str]) -> None:
    key = tmp_path / "north" / "private.key"
    first, other = ({"a": encode(np.full(8, value))} for value in (0.5, 0.25))
    sent = mask(first, "north", key, keys, SALT)["a"]
    np.testing.assert_array_equal(mask(first, "north", key, keys, SALT)["a"], sent)
    with pytest.raises(UserError, match="another update under the same masks"):
        mask(other, "north", key, keys, SALT)
    # Whoever joins again has other masks.
    assert (mask(other, "north", key, keys, "cd" * 32)["a"] != sent).all()


def test_a_private_key_is_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "private.key"
    public = make_key(path)
    assert path.stat().st_mode & 0o077 == 0
    assert make_key(path) == public


def test_a_lost_key_and_a_broken_one_are_told(tmp_path: Path, keys: dict[str, str]) -> None:
    zeros = {"a": encode(np.zeros(2))}
    with pytest.raises(UserError, match="private key"):
        mask(zeros, "north", tmp_path / "nowhere", keys, SALT)
    with pytest.raises(UserError, match="public key of web"):
        key = tmp_path / "north" / "private.key"
        mask(zeros, "north", key, {**keys, "web": "none"}, SALT)


def test_fixed_point_is_exact_enough_and_bounded() -> None:
    values = np.array([0.0, 1e-9, -3.25, LIMIT - 1])
    assert np.abs(decode(encode(values)) - values).max() <= 2.0**-41
    for bad in (np.nan, np.inf, LIMIT):
        with pytest.raises(UserError, match="no numbers"):
            encode(np.array([1.0, bad]))

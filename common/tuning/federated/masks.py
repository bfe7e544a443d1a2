"""Pairwise masks: each contribution alone is noise, and in the sum of all the masks cancel.

Secure aggregation (Bonawitz et al. 2017) without its recovery from parties that drop out: whoever
is left contributes again, under fresh masks. Each two parties agree on a secret by X25519, which
the round's settings and members turn into a ChaCha20 key (HKDF-SHA256).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.files import exclusive_lock, write_atomically
from common.tuning.federated.fixed_point import Integers

KEY_BYTES = 32
INFO = b"bizlm federated masks, version 1"


def make_key(path: Path) -> str:
    """Draw a private key, unless there is one, and keep it for its owner's eyes alone.

    Returns:
        The public key, in hexadecimal.

    Raises:
        UserError: what draws keys is not installed.
    """
    if find_spec("cryptography") is None:
        raise UserError(
            "masks need cryptography, which is not installed", hint="pip install 'bizlm[federated]'"
        )
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        temporary.touch(mode=0o600)
        temporary.write_bytes(X25519PrivateKey.generate().private_bytes_raw())
        temporary.replace(path)
    private = X25519PrivateKey.from_private_bytes(_read_key(path))
    return private.public_key().public_bytes_raw().hex()


def mask(
    update: Mapping[str, Integers], party: str, private: Path, public: Mapping[str, str], salt: str
) -> dict[str, Integers]:
    """`update` under the masks that `party` has with each other party.

    Args:
        private: the file of `make_key`.
        public: party → its public key, of all parties.
        salt: what the masks are of, in hexadecimal.

    Raises:
        UserError: the private key is gone, or a public one is none; or another update went out
            under these masks.
    """
    _check_first(update, party, private, salt)
    masked = {name: values.copy() for name, values in update.items()}
    for other in sorted({*public} - {party}):
        key = _pair_key(private, other, public[other], salt)
        for number, name in enumerate(sorted(masked)):
            noise = _stream(key, number, masked[name].size).reshape(masked[name].shape)
            # Of each two, one adds what the other subtracts.
            masked[name] += noise if party < other else np.negative(noise)
    return masked


def _check_first(update: Mapping[str, Integers], party: str, private: Path, salt: str) -> None:
    """See that masks hide one update: of two, the difference would be there for all to see."""
    digest = hashlib.sha256()
    for name in sorted(update):
        digest.update(f"{name} {update[name].shape} ".encode() + update[name].tobytes())
    hidden = private.with_name(f"masked-{salt}")
    with exclusive_lock(private.with_name(".masking.lock"), waits=True):
        if not hidden.exists():
            write_atomically(hidden, digest.hexdigest())
        if hidden.read_text() != digest.hexdigest():
            raise UserError(
                f"{party} has sent another update under the same masks, and the difference of two "
                "is not masked",
                where=str(hidden),
                hint="What was learned first is lost: run federate join again, which draws other "
                "masks. Whoever contributed already does so again, which takes seconds.",
            )


def _pair_key(private: Path, other: str, public: str, salt: str) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.x25519 import (
        X25519PrivateKey,
        X25519PublicKey,
    )
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    own = X25519PrivateKey.from_private_bytes(_read_key(private))
    try:
        secret = own.exchange(X25519PublicKey.from_public_bytes(bytes.fromhex(public)))
    except ValueError:
        raise UserError(
            f"the public key of {other} is none", hint=f"Let {other} run `federate join` again."
        ) from None
    return HKDF(SHA256(), KEY_BYTES, salt=bytes.fromhex(salt), info=INFO).derive(secret)


def _stream(key: bytes, number: int, count: int) -> Integers:
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

    nonce = bytes(8) + number.to_bytes(8, "little")
    stream = Cipher(ChaCha20(key, nonce), mode=None).encryptor().update(bytes(8 * count))
    return np.frombuffer(stream, dtype="<u8").astype(np.uint64)


def _read_key(path: Path) -> bytes:
    if not path.exists():
        raise UserError(
            "the private key of this party is not here",
            where=str(path),
            hint="Contribute from the --store that `federate join` was run with.",
        )
    return path.read_bytes()

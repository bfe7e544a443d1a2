"""A release served in 8 bits, where it then answers as it does otherwise."""

from __future__ import annotations

from pathlib import Path

from safetensors.numpy import load_file

from apps.customer_service.answers.answering import Answerer
from apps.customer_service.release import HEADS, load_eight_bit, load_release
from common.models.devices import ServingPrecision, keep_numpy_to_one_thread, use_threads
from common.releases.eight_bit import LEAST_SAME, eight_bit_of, some_of
from common.releases.registry import Registry
from common.releases.release import Release

APPLICATION = "customer_service"
# They change with the knowledge, and the weights do not.
OF_FAQS = "faqs."


def load_to_serve(
    registry: Registry,
    release: Release,
    *,
    device: str,
    precision: ServingPrecision,
    threads: int | None = None,
) -> Answerer:
    """Read a verified release: in 8 bits, if asked for and it agrees, else in full precision.

    Args:
        threads: to compute on; None: as the library sees fit.

    Raises:
        UserError: the packages that 8 bits take are not installed.
    """
    keep_numpy_to_one_thread()
    if precision == "int8":
        directory = eight_bit_of(registry, release, make, *_parts(release))
        if directory is not None:
            return load_eight_bit(release, directory, threads=threads)
    if threads is not None:
        use_threads(threads)
    return load_release(release, device=device)


def _parts(release: Release) -> list[str]:
    """What is exported of the heads."""
    heads = load_file(release.directory / HEADS)
    exported = sorted(name for name in heads if not name.startswith(OF_FAQS))
    return [part for name in exported for part in (name, heads[name].tobytes().hex())]


def make(store: Path, release_id: str, directory: Path) -> None:
    """Export a release, compared with what it was trained to on the questions it is measured on.

    Raises:
        RefusedError: it answers otherwise, or it holds no questions to tell by.
    """
    from apps.customer_service.export import export
    from apps.customer_service.learning.lessons import load_lessons
    from common.errors import RefusedError, UserError

    release = Registry(store, APPLICATION).open(release_id)
    try:
        lessons, _ = load_lessons(release)
    except UserError as error:
        raise RefusedError(error.what) from None
    questions = some_of([example.text for example in lessons.golden])
    if not questions:
        raise RefusedError("the release holds no questions to compare 8 bits on")
    answerer = load_release(release, device="cpu")
    export(answerer, questions, directory, LEAST_SAME, to_serve=True)

"""Where a run starts: its backbone, and the name that it is resumed by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping

from common.console import say
from common.models.adapting.known import Known
from common.models.encoder import Encoder, load_encoder
from common.models.sources import catalog
from common.models.sources.bundled import Source, locate
from common.tuning.computing.reading import known_of
from common.tuning.processes import is_main_process
from common.tuning.settings import Settings


def find_backbone(name: str, languages: Collection[str]) -> Source:
    """The backbone of this name; for `auto` the one for the languages of the texts.

    Raises:
        UserError: there is none.
    """
    chosen = catalog.for_languages(languages) if name == "auto" else name
    if is_main_process():
        say(f"Backbone: {chosen}")
    return locate(chosen)


def load_to_learn(source: Source, settings: Settings, *, known: Known | None = None) -> Encoder:
    """The encoder as a run with these settings learns with it, each time that it is loaded anew.

    Args:
        known: what an earlier run with these settings read by it.

    Raises:
        UserError: as `load_encoder`.
    """
    return load_encoder(
        source,
        dropout=settings.dropout,
        known=known_of(settings) if known is None else known.again(),
        quantised=settings.quantised_base,
    )


def run_name(
    hashes: Mapping[str, str], settings: Settings, source: Source, *releases: str | None
) -> str:
    """With `--resume` the same data, settings, backbone and releases are the same run.

    Args:
        releases: what it is taught by, and trained from.
    """
    parts = [sorted(hashes.values()), settings.model_dump(), str(source.directory), *releases]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]

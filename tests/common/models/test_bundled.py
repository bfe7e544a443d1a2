from __future__ import annotations

import json
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from common.errors import UserError
from common.models.encoder import load_encoder, save_encoder
from common.models.pooling import PooledEncoder
from common.models.prediction import predict
from common.models.sources import bundled, catalog, e5_file
from common.models.sources.bundled import check, locate
from common.models.sources.facts import FACTS

SHARDS = '{"weight_map": {"x": "a.safetensors", "y": "b.safetensors"}}'


class _Vectors(torch.nn.Module):
    def __init__(self, encoder: torch.nn.Module) -> None:
        super().__init__()
        self.pooled = PooledEncoder(encoder)

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        pooled = self.pooled(input_ids, attention_mask)
        return {"vector": torch.nn.functional.normalize(pooled, dim=-1)}


def _vectors(backbone_name: str, texts: list[str]) -> torch.Tensor:
    backbone = load_encoder(locate(backbone_name))
    return predict(_Vectors(backbone.network), backbone, texts)["vector"]


def test_bundled_minilm_finds_the_paraphrase() -> None:
    asked, right, wrong = _vectors(
        "minilm", ["I lost my bank card", "My debit card is missing", "It rains in Hamburg"]
    )
    assert asked @ right > 0.6
    assert asked @ wrong < 0.3


def test_bundled_e5_understands_chinese_and_english() -> None:
    texts = [
        "银行卡丢了怎么办",
        "我的卡不见了，要挂失",
        "今天天气很好，去公园散步",
        "I lost my bank card",
    ]
    asked, chinese, weather, english = _vectors("e5-small", texts)
    assert asked @ chinese > asked @ weather
    assert asked @ english > weather @ english


def test_e5_tokens_are_those_of_the_published_tokenizer() -> None:
    tokenizer = load_encoder(locate("e5-small")).tokenizer
    assert tokenizer("Hello world")["input_ids"] == [0, 35378, 8999, 2]


def test_unknown_name_lists_what_works_offline() -> None:
    with pytest.raises(UserError) as raised:
        locate("minilmm")
    message = str(raised.value)
    assert "unknown backbone 'minilmm'" in message
    assert "Did you mean minilm?" in message
    assert "e5-small" in message


def test_hub_id_that_is_not_here_says_what_works_offline() -> None:
    with pytest.raises(UserError, match=r"(?s)nobody/nothing is not on this machine.*minilm"):
        locate("nobody/nothing")


def test_directory_without_safetensors_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no config\.json"):
        locate(str(tmp_path))
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(UserError, match="no \\*\\.safetensors"):
        locate(str(tmp_path))


def test_damaged_package_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / catalog.MINILM.package
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / catalog.MINILM.file).write_bytes(b"not the weights")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("BIZLM_CACHE", str(tmp_path / "cache"))
    sys.modules.pop(catalog.MINILM.package, None)
    with pytest.raises(UserError, match="not the one that was published"):
        locate("minilm")


def test_interrupted_unpacking_leaves_nothing_half_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_source: Path, directory: Path) -> None:
        (directory / "config.json").touch()
        raise OSError("disk full")

    monkeypatch.setenv("BIZLM_CACHE", str(tmp_path))
    monkeypatch.setattr(e5_file, "unpack", fail)
    with pytest.raises(OSError, match="disk full"):
        locate("e5-small")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"GGUF" + bytes(100), b"E5S1" + bytes(8)])
def test_file_of_another_format_or_cut_short_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "e5.bin").write_bytes(content)
    with pytest.raises(UserError, match=r"not an E5S1|ends too early"):
        e5_file.unpack(tmp_path / "e5.bin", tmp_path / "out")


def test_four_bit_blocks_are_unpacked_low_half_first() -> None:
    block = struct.pack("<e", 0.5) + bytes([0x80 + 9] + [0x88] * 15)
    values = e5_file._dequantise(block)
    assert values[0] == 0.5
    assert values[16] == 0.0
    assert (values[1:16] == 0).all()


@pytest.mark.parametrize(
    ("languages", "name"),
    [
        ({"en"}, "minilm"),
        ({"en", "other"}, "minilm"),
        ({"zh"}, "e5-small"),
        ({"en", "zh"}, "e5-small"),
    ],
)
def test_auto_goes_by_language(languages: set[str], name: str) -> None:
    assert catalog.for_languages(languages) == name


def test_looking_for_models_imports_no_torch() -> None:
    code = (
        "import sys, common.models.sources.bundled as b; b.available();"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    assert bundled.available()[:2] == ["minilm", "e5-small"]


def test_what_a_model_wants_before_its_texts_travels_with_its_directory(tmp_path: Path) -> None:
    """Under any name: the directory is what knows."""
    saved = tmp_path / "renamed" / "somewhere"
    save_encoder(load_encoder(locate("e5-small")), saved)
    found = locate(str(saved))
    assert (found.query_prefix, found.passage_prefix) == ("query: ", "passage: ")
    assert found.name == "somewhere"
    texts = ["银行卡丢了怎么办"]
    assert torch.allclose(_vectors(str(saved), texts), _vectors("e5-small", texts), atol=1e-5)
    prompts = json.loads((saved / FACTS).read_text(encoding="utf-8"))["prompts"]
    assert prompts == {"query": "query: ", "document": "passage: "}


def test_a_model_without_prompts_gets_none_whatever_it_is_called(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = shutil.copytree(tiny_model, tmp_path / "my-e5-large")
    assert (locate(str(named)).query_prefix, locate(str(tiny_model)).query_prefix) == ("", "")
    assert "looks like a model of the E5 family" in capsys.readouterr().err


def test_a_release_from_before_keeps_its_prompts_as_a_backbone(
    tiny_model: Path, tmp_path: Path
) -> None:
    release = tmp_path / "2026-01-01T000000-abcdef"
    model = shutil.copytree(tiny_model, release / "model")
    facts = {"base": "e5-small", "query_prefix": "query: ", "passage_prefix": "passage: "}
    (release / "model.json").write_text(json.dumps(facts), encoding="utf-8")
    found = locate(str(model))
    assert (found.name, found.query_prefix) == ("2026-01-01T000000-abcdef/model", "query: ")


def test_a_backbone_is_checked_without_being_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIZLM_CACHE", str(tmp_path))
    check("e5-small")
    assert not any(tmp_path.iterdir())
    with pytest.raises(UserError, match="unknown backbone 'e5-smal'"):
        check("e5-smal")
    with pytest.raises(UserError, match=r"no config\.json"):
        check(str(tmp_path))


def test_a_model_of_the_hub_is_asked_for_before_a_file_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="nobody/nothing is not on this machine"):
        check("nobody/nothing")


@pytest.mark.parametrize("name", ["~/model", "my models/news", "models/", "模型/新闻", "a..b/c"])
def test_what_can_be_no_model_of_the_hub_is_told(name: str) -> None:
    for find in (check, locate):
        with pytest.raises(UserError, match="unknown backbone") as told:
            find(name)
        assert "minilm" in str(told.value.hint)


@pytest.mark.parametrize(
    ("files", "is_whole"),
    [
        ({}, False),
        ({"model.safetensors": ""}, True),
        ({"model.safetensors.index.json": SHARDS, "a.safetensors": ""}, False),
        (
            {"model.safetensors.index.json": SHARDS, "a.safetensors": "", "b.safetensors": ""},
            True,
        ),
    ],
)
def test_a_download_that_was_interrupted_is_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], is_whole: bool
) -> None:
    snapshot = tmp_path / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    for name, content in {"config.json": "{}", **files}.items():
        (snapshot / name).write_text(content, encoding="utf-8")
    asked: list[str] = []

    def download(repository: str, *, local_files_only: bool = False, **given: object) -> str:
        if not local_files_only:
            asked.append(repository)
            (snapshot / "model.safetensors").touch()
        return str(snapshot)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    monkeypatch.setattr(bundled, "_megabytes", lambda _: 1.0)
    assert locate("org/model").directory == snapshot
    assert asked == ([] if is_whole else ["org/model"])

"""Labels by their words: with an encoder, with a causal model, and from the command line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from command_line import run_here
from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel

from common.errors import UserError
from common.models.encoder import load_encoder
from common.models.generator import Conversation, load_generator
from common.models.sources.bundled import Source
from common.tuning.prompting.by_embedding import EmbeddingClassifier
from common.tuning.prompting.by_likelihood import CONTENT_FREE, LikelihoodClassifier
from common.tuning.prompting.labels import Question, read_questions

ROOT = Path(__file__).parents[4]
SAMPLES = ROOT / "data_samples"
SOUNDS = Question(
    ask="which", labels={"soft": ["mild calm"], "loud": ["bang crash"], "odd": ["zzz qqq"]}
)


@pytest.fixture(scope="module")
def causal(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("causal")
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    sizes = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 256}
    config = GPT2Config(vocab_size=len(tokenizer), eos_token_id=3, **sizes)
    GPT2LMHeadModel(config).save_pretrained(directory)
    tokenizer.model_max_length = 256
    tokenizer.save_pretrained(directory)
    return directory


def test_a_text_belongs_to_the_label_whose_words_it_is(tiny_model: Path) -> None:
    classifier = EmbeddingClassifier(load_encoder(Source("tiny", tiny_model)), SOUNDS)
    found = classifier.probabilities(["bang crash", "zzz qqq", "mild calm"])
    assert found.argmax(-1).tolist() == [1, 2, 0]
    torch.testing.assert_close(found.sum(-1), torch.ones(3))


def test_examples_move_a_label_to_where_its_texts_are(tiny_model: Path) -> None:
    encoder = load_encoder(Source("tiny", tiny_model))
    text = "whisper"
    words = EmbeddingClassifier(encoder, SOUNDS).probabilities([text])[0]
    shown = EmbeddingClassifier(encoder, SOUNDS, [(text, "odd")]).probabilities([text])[0]
    assert shown[2] > words[2]


def test_the_template_is_that_of_the_words_language() -> None:
    question = Question(
        ask="?",
        templates={"en": "It is {}.", "zh": "这是{}。"},
        labels={"a": ["good", "好"], "b": ["x"]},
    )
    assert question.sentences("a") == ["It is good.", "这是好。"]


def test_texts_that_say_nothing_have_no_label(causal: Path) -> None:
    """Contextual calibration: what the model is inclined to say anyway is divided out."""
    classifier = LikelihoodClassifier(load_generator(Source("causal", causal)), SOUNDS)
    found = classifier.probabilities(CONTENT_FREE)
    torch.testing.assert_close(found.mean(0), torch.full((3,), 1 / 3), atol=0.02, rtol=0)
    raw = classifier._log_likelihoods(CONTENT_FREE, [()] * len(CONTENT_FREE)).softmax(-1).mean(0)
    assert float((raw - 1 / 3).abs().max()) > 0.02


def test_the_nearest_examples_are_shown_the_nearest_last(
    causal: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = load_generator(Source("causal", causal))
    texts = ["abc", "abd", "xyz", "abe", "wvu", "abcc"]
    classifier = LikelihoodClassifier(
        generator, SOUNDS, [(text, "odd") for text in texts], load_encoder(Source("t", tiny_model))
    )
    seen: list[Conversation] = []
    ask = type(generator).tokenize

    def tokenize(self: object, inputs: Sequence[Conversation]) -> dict[str, torch.Tensor]:
        seen.extend(inputs)
        return ask(generator, inputs)

    monkeypatch.setattr(type(generator), "tokenize", tokenize)
    classifier.probabilities(["abc"])
    asked = next(turns for turns in seen if turns[-2]["content"].startswith("abc\n"))
    assert len(asked) == 10
    assert asked[6]["content"].startswith("abc\n")
    assert asked[7]["content"] == "zzz qqq"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no question"),
        ("[a]\nask = 'x'\n[a.labels]\nb = ['c']\n", "a.labels"),
        ("[a]\nask = 'x'\n[a.labels]\nb = ['c']\nd = []\n", "d has no words"),
        ("[a]\nask = 'x'\ntemplates = {en = 'y'}\n[a.labels]\nb = ['c']\nd = ['e']\n", "no gap"),
        ("[a]\nasks = 'x'\n", "a.ask"),
    ],
)
def test_a_broken_file_of_labels_is_told(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "labels.toml").write_text(content)
    with pytest.raises(UserError, match=said):
        read_questions(tmp_path / "labels.toml")


def test_news_is_classified_without_a_release() -> None:
    done = run_here(
        "finance_monitor",
        *("classify", "Shares plunge after fraud probe", "净利大增，创历史新高", "--json"),
    )
    assert done.returncode == 0, done.stderr
    first, second = json.loads(done.stdout)["texts"]
    assert next(iter(first["sentiment"])) == "negative"
    assert next(iter(second["sentiment"])) == "positive"


def test_intents_are_measured_without_a_release() -> None:
    faqs = SAMPLES / "customer_service" / "faqs.en.jsonl"
    done = run_here("customer_service", "classify", "--evaluate", faqs, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["figures"]["intent"]
    # 20 intents: one in twenty would be right by chance.
    assert found["accuracy"] > 0.6
    assert found["macro_f1"] > 0.5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "nothing to label"),
        (("x", "--labels", "nowhere.toml"), "nowhere.toml"),
        (("x", "--backbone", "nothing"), "unknown backbone"),
    ],
)
def test_mistakes_are_told(arguments: tuple[str, ...], said: str) -> None:
    done = run_here("finance_monitor", "classify", *arguments)
    assert done.returncode == 2
    assert said in done.stderr

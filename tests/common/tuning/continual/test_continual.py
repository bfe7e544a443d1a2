"""Each mechanism against forgetting does what it says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from toy import LETTERS
from transformers import TrainerCallback

from common.errors import UserError
from common.learning.replay import herd_each
from common.models.encoder import Encoder, load_encoder
from common.models.heads import CosineClassifier, Embedder, class_means
from common.models.prediction import predict
from common.models.sources.bundled import Source
from common.records.splits import Splits
from common.tuning import losses
from common.tuning.continual.carrying import Classes, carry_over
from common.tuning.continual.discriminant import ClassMeans, KernelDiscriminant
from common.tuning.continual.distillation import OldResponses
from common.tuning.continual.ewc import ElasticWeights
from common.tuning.continual.terms import continual_terms
from common.tuning.finetune import finetune
from common.tuning.settings import Settings
from common.tuning.task import Batch, EncoderModule, LossTerm, Metric, Predict, Tokenize

ENDS = ("mno", "pqr", "st", "uvwx", "y", "zz")
OLD, NEW = "cd", "ab"


def _words(letters: str) -> list[str]:
    return [letter + end for letter in letters for end in ENDS]


class LetterModule(EncoderModule):
    def __init__(self, encoder: Encoder, directions: torch.Tensor) -> None:
        super().__init__()
        self.pooled = encoder.pooled()
        self.letters = CosineClassifier(directions)

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        label: torch.Tensor | None = None,
    ) -> dict[str, torch.Tensor]:
        vectors = self.pooled(input_ids, attention_mask)
        outputs = {"embedding": vectors, "logits": self.letters(vectors)}
        if label is not None:
            outputs["loss"] = losses.classification(outputs["logits"], label)
        return outputs


class LetterTask:
    """Which of `letters`, in their order, does a word begin with?"""

    name = "letters"
    monitors = (Metric("accuracy"),)

    def __init__(self, letters: str, training: Sequence[str]) -> None:
        self.letters, self.training = letters, training

    def build(self, encoder: Encoder, precision: str = "fp32") -> LetterModule:
        found = predict(Embedder(encoder.pooled()), encoder, self.training)["embedding"]
        means = class_means(found, self._labels(self.training), len(self.letters))
        return LetterModule(encoder, means)

    def input(self, record: str) -> str:
        return record

    def collate(self, records: Sequence[str], tokenize: Tokenize) -> Batch:
        return tokenize(records) | {"label": self._labels(records)}

    def measure(self, predict: Predict, records: Sequence[str]) -> dict[str, float]:
        right = predict(records)["logits"].argmax(-1) == self._labels(records)
        return {"accuracy": float(right.float().mean())}

    def _labels(self, records: Sequence[str]) -> torch.Tensor:
        return torch.tensor([self.letters.index(record[0]) for record in records])


def _settings(**settings: Any) -> Settings:
    return Settings(
        **{
            **{"epochs": 12, "batch_size": 6, "learning_rate": 2e-3, "head_learning_rate": 2e-2},
            **{"precision": "fp32", "device": "cpu", "patience": 0, "warmup": 0.0},
            **{"tracking": "none", "dropout": 0.0, **settings},
        }
    )


class Learned:
    """A module that told `cd` apart, and what became of it when it learned `ab` as well."""

    def __init__(self, model: Path, work: Path) -> None:
        self.encoder = load_encoder(Source("tiny", model), dropout=0.0)
        self.work = work
        task = LetterTask(OLD, _words(OLD))
        tuned = self._tune(task, task.build(self.encoder), _words(OLD), _settings(), [])
        self.old = tuned
        self.start = {n: p.clone() for n, p in self.encoder.network.state_dict().items()}

    def further(
        self, settings: Settings, *, mechanisms: bool = True, **run: Any
    ) -> tuple[float, LetterModule]:
        """Accuracy on the old words afterwards."""
        self.encoder.network.load_state_dict(self.start)
        replayed = _words(OLD) if mechanisms and "replay" in settings.mechanisms else []
        train = [*_words(NEW), *replayed]
        task = LetterTask(LETTERS, train)
        module = task.build(self.encoder)
        classes = Classes(OLD, LETTERS)
        carry_over(module, self.old, {"letters.directions": classes})
        columns = {"logits": classes.columns}
        terms = (
            continual_terms(settings, module, self.old, self.encoder, _words(OLD), columns)
            if mechanisms
            else []
        )
        tuned = self._tune(task, module, train, settings, terms, **run)
        found = predict(tuned, self.encoder, _words(OLD))["logits"].argmax(-1)
        right = found == torch.tensor([LETTERS.index(word[0]) for word in _words(OLD)])
        return float(right.float().mean()), tuned

    def _tune(
        self,
        task: LetterTask,
        module: LetterModule,
        train: list[str],
        settings: Settings,
        terms: Sequence[LossTerm],
        **run: Any,
    ) -> LetterModule:
        tuned = finetune(
            task,
            self.encoder,
            Splits(train, [], []),
            settings,
            work=self.work,
            module=module,
            terms=terms,
            **run,
        )
        assert isinstance(tuned.module, LetterModule)
        return tuned.module


@pytest.fixture
def learned(tiny_model: Path, tmp_path: Path) -> Iterator[Learned]:
    yield Learned(tiny_model, tmp_path / "run")


def test_old_letters_are_kept_where_sequential_tuning_loses_them(learned: Learned) -> None:
    floor, _ = learned.further(_settings(), mechanisms=False)
    replayed, _ = learned.further(_settings(continual="replay"))
    assert floor < 0.5
    assert replayed > 0.9


def test_the_old_model_s_opinion_of_the_old_letters_is_kept(learned: Learned) -> None:
    def apart(module: LetterModule) -> float:
        now = predict(module, learned.encoder, _words(NEW))["logits"][:, 2:].softmax(-1)
        return float((now - opinion).abs().mean())

    opinion = predict(learned.old, learned.encoder, _words(NEW))["logits"].softmax(-1)
    _, module = learned.further(_settings(), mechanisms=False)
    forgotten = apart(module)
    _, module = learned.further(_settings(continual="distillation"))
    assert apart(module) < 0.2 * forgotten


def test_the_old_model_is_asked_about_the_old_classes_alone(learned: Learned) -> None:
    task = LetterTask(LETTERS, _words(LETTERS))
    module = task.build(learned.encoder)
    classes = Classes(OLD, LETTERS)
    carry_over(module, learned.old, {"letters.directions": classes})
    term = OldResponses(learned.old, {"logits": classes.columns}, weight=1, temperature=2)
    batch = task.collate(_words(LETTERS), learned.encoder.tokenize)
    same = module(**batch)
    assert term(module, batch, same).item() == pytest.approx(0, abs=1e-5)
    shifted = same | {"logits": same["logits"] + torch.tensor([[5.0, 5.0, 0, 0]])}
    assert term(module, batch, shifted).item() == pytest.approx(0, abs=1e-5)
    moved = same | {"logits": same["logits"] + torch.tensor([[0, 0, 5.0, 0]])}
    assert term(module, batch, moved).item() > 0.1


def test_the_old_model_does_not_learn(learned: Learned) -> None:
    term = OldResponses(learned.old, {"logits": [0, 1]}, weight=1, temperature=2)
    tokens = learned.encoder.tokenize(_words(OLD))
    with torch.no_grad():
        before = term.old(**tokens)["logits"]
        for parameter in learned.old.parameters():
            parameter.zero_()
        assert torch.equal(term.old(**tokens)["logits"], before)
    assert not any(parameter.requires_grad for parameter in term.old.parameters())


def test_weights_that_old_texts_rest_on_move_less(learned: Learned) -> None:
    classes = Classes(OLD, LETTERS)
    start = LetterTask(LETTERS, _words(NEW)).build(learned.encoder)
    carry_over(start, learned.old, {"letters.directions": classes})
    columns = {"logits": classes.columns}
    term = ElasticWeights(start, learned.encoder, _words(OLD), columns, weight=1)
    names = {id(parameter): name for name, parameter in start.named_parameters()}
    held = {names[id(one)]: (old, fisher) for one, old, fisher in term.held}
    importance = torch.cat([fisher.flatten() for _, fisher in held.values()])
    important = importance >= importance.quantile(0.9)

    def moved(**settings: Any) -> float:
        """How far the most important weights went, beside the others."""
        low = _settings(learning_rate=5e-4, head_learning_rate=5e-3, **settings)
        _, module = learned.further(low, mechanisms=bool(settings))
        now = dict(module.named_parameters())
        far = torch.cat(
            [(now[name].detach() - old).abs().flatten() for name, (old, _) in held.items()]
        )
        return float(far[important].mean() / far[~important].mean())

    assert moved(continual="ewc", ewc=1e4) < 0.8 * moved()


def test_the_directions_of_new_classes_do_not_matter_to_the_old_texts(learned: Learned) -> None:
    classes = Classes(OLD, LETTERS)
    module = LetterTask(LETTERS, _words(NEW)).build(learned.encoder)
    carry_over(module, learned.old, {"letters.directions": classes})
    term = ElasticWeights(
        module, learned.encoder, _words(OLD), {"logits": classes.columns}, weight=1
    )
    (fisher,) = [found for one, _, found in term.held if one is module.letters.directions]
    assert not fisher[:2].any()
    assert fisher[2:].any()


class Stop(TrainerCallback):
    """Stops a run as by `kill -9`, right after the checkpoint of its second epoch."""

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.epoch >= 2:
            raise InterruptedError


def test_a_run_that_was_killed_goes_on_from_the_same_old_model(learned: Learned) -> None:
    settings = _settings(epochs=4, continual="replay,distillation,ewc")
    _, whole = learned.further(settings)
    expected = {name: one.detach().clone() for name, one in whole.named_parameters()}
    with pytest.raises(InterruptedError):
        learned.further(settings, watchers=[Stop()])
    _, resumed = learned.further(settings, resume=True)
    for name, parameter in resumed.named_parameters():
        assert torch.allclose(parameter, expected[name], atol=1e-5), name


@pytest.mark.parametrize("letters", ["abcd", "dcba", "cadb"])
def test_what_a_class_learned_goes_with_its_name(learned: Learned, letters: str) -> None:
    module = LetterTask(letters, _words(LETTERS)).build(learned.encoder)
    built = module.letters.directions.detach().clone()
    carry_over(module, learned.old, {"letters.directions": Classes(OLD, letters)})
    for row, letter in enumerate(letters):
        expected = (
            learned.old.letters.directions[OLD.index(letter)] if letter in OLD else built[row]
        )
        assert torch.equal(module.letters.directions[row], expected)
    assert torch.equal(module.letters.log_scale, learned.old.letters.log_scale)


def test_a_class_cannot_be_lost() -> None:
    with pytest.raises(ValueError, match="gone: b"):
        _ = Classes(["a", "b"], ["a", "c"]).columns


def test_each_label_has_its_exemplars_however_many_a_text_has() -> None:
    vectors = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    labels = [("often",)] * 40 + [("often", "rare")] * 3 + [("other",)] * 17
    rows = herd_each(vectors, labels, each=5)
    assert {40, 41, 42} <= {*rows}
    assert 5 <= len([row for row in rows if "often" in labels[row]]) <= 8
    assert len([row for row in rows if "other" in labels[row]]) == 5


def _clouds() -> tuple[torch.Tensor, list[str]]:
    """Four classes of vectors, which overlap."""
    draw = torch.Generator().manual_seed(0)
    centres = torch.randn(4, 8, generator=draw)
    vectors = torch.cat([one + 0.7 * torch.randn(50, 8, generator=draw) for one in centres])
    return vectors, [name for name in "abcd" for _ in range(50)]


@pytest.mark.parametrize("order", [range(0, 200, 25), range(175, -1, -25)])
def test_statistics_that_grow_are_those_of_all_texts_at_once(order: range) -> None:
    vectors, names = _clouds()
    whole, grown = KernelDiscriminant(8, 64), KernelDiscriminant(8, 64)
    means, grown_means = ClassMeans(8), ClassMeans(8)
    whole.update(vectors, names)
    means.update(vectors, names)
    for start in order:
        part = slice(start, start + 25)
        grown.update(vectors[part], names[part])
        grown_means.update(vectors[part], names[part])
    assert torch.allclose(grown.covariance(), whole.covariance(), atol=1e-10)
    assert torch.allclose(grown.means("abcd"), whole.means("abcd"), atol=1e-10)
    assert torch.allclose(grown.classifier("abcd").weight, whole.classifier("abcd").weight)
    assert torch.allclose(
        grown_means.classifier("abcd").directions, means.classifier("abcd").directions
    )


def test_the_shared_covariance_is_the_one_within_classes() -> None:
    vectors, names = _clouds()
    found = KernelDiscriminant(8, 16)
    found.update(vectors, names)
    features = found.classifier("abcd").features(vectors, found.frequencies, found.phases)
    centred = features.view(4, 50, -1) - features.view(4, 50, -1).mean(1, keepdim=True)
    within = torch.einsum("cni,cnj->ij", centred, centred) / 200
    assert torch.allclose(found.covariance().float(), within, atol=1e-5)


def test_kernel_discriminants_tell_apart_what_means_cannot() -> None:
    """Each class lies on two opposite sides: their means are the same."""
    draw = torch.Generator().manual_seed(1)
    sides = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    vectors = torch.cat([one + 0.2 * torch.randn(50, 2, generator=draw) for one in sides])
    names = ["across"] * 100 + ["up"] * 100
    kernel, means = KernelDiscriminant(2, 200), ClassMeans(2)
    kernel.update(vectors, names)
    means.update(vectors, names)
    right = torch.tensor([0] * 100 + [1] * 100)

    def accuracy(head: torch.nn.Module) -> float:
        return float((head(vectors).argmax(-1) == right).float().mean())

    assert accuracy(kernel.classifier(["across", "up"])) > 0.95
    assert accuracy(means.classifier(["across", "up"])) < 0.7


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"continual": "rehearsal"}, "there is no 'rehearsal'"),
        ({"continual": "replay,klda"}, "klda leaves the encoder as it is"),
        ({"continual": "ewc", "strategy": "lora"}, "does not move them"),
        ({"continual": "replay", "ewc": 5}, "ewc is for continual=ewc"),
    ],
)
def test_what_makes_no_sense_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Settings(**given)

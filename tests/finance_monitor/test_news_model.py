from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch
from command_line import run_here
from torch.nn import functional

from apps.finance_monitor.data import Example
from apps.finance_monitor.release import load_release
from apps.finance_monitor.schema import SENTIMENTS, TrainingRecord
from apps.finance_monitor.stories.text import prepare, spell_tickers
from apps.finance_monitor.task import FinanceMonitorTask, chosen_topics
from common.models.encoder import Encoder, load_encoder
from common.models.prediction import predict
from common.models.sources.bundled import Source
from common.releases.registry import Registry
from common.tuning.imbalance import ClassLoss

EXAMPLES = [
    Example("profits up", "positive", ("earnings",)),
    Example("loss and fraud", "negative", ("earnings", "regulation")),
    Example("meeting held", "neutral", ()),
    Example("[abc] sued", target="negative"),
    Example("no label of sentiment", None, ("regulation",)),
]


@pytest.fixture
def backbone(tiny_model: Path) -> Encoder:
    return load_encoder(Source("tiny", tiny_model, "", ""))


def test_records_that_lack_a_label_train_the_other_heads(backbone: Encoder) -> None:
    task = FinanceMonitorTask(EXAMPLES, ["earnings", "regulation"])
    module = task.build(backbone)
    for examples, moved, still in (
        (EXAMPLES[3:4], "targets", ("sentiments", "topics")),
        (EXAMPLES[4:5], "topics", ("sentiments", "targets")),
        ([Example("only this", "positive")], "sentiments", ("topics", "targets")),
    ):
        module.zero_grad()
        module(**task.collate(examples, backbone.tokenize))["loss"].backward()
        gradient = {
            n: p.grad.abs().sum() for n, p in module.named_parameters() if p.grad is not None
        }
        assert gradient[f"{moved}.directions"] > 0
        assert all(gradient[f"{name}.directions"] == 0 for name in still)


def test_a_topic_head_is_a_softmax_only_where_every_text_has_one(backbone: Encoder) -> None:
    several = FinanceMonitorTask(EXAMPLES, ["earnings", "regulation"]).build(backbone)
    assert several.topic_bias is not None
    one = FinanceMonitorTask(
        [Example("a b", topics=("x",)), Example("c d", topics=("y",))], ["x", "y"]
    ).build(backbone)
    assert one.topic_bias is None
    assert one.sentiments is None


def test_each_head_makes_up_for_the_sizes_of_its_own_classes(backbone: Encoder) -> None:
    examples = [*EXAMPLES, Example("profits rise", "positive"), Example("sales up", "positive")]
    choice = ClassLoss(weights="balanced")
    task = FinanceMonitorTask(examples, ["earnings", "regulation"], choice)
    module = task.build(backbone)
    counts = torch.tensor([sum(e.sentiment == name for e in examples) for name in SENTIMENTS])
    weights = {name: loss.weights for name, loss in module.losses.items()}
    assert (weights["sentiment_logits"] * counts).tolist() == pytest.approx([5 / 3] * 3)
    # Of four texts whose topics are known, two have either.
    assert weights["topic_logits"].tolist() == pytest.approx([1, 1])
    assert {*module.independent_logits} == {"topic_logits"}
    assert not any(name.startswith("losses") for name in module.state_dict())


def test_every_figure_may_be_watched(backbone: Encoder) -> None:
    task = FinanceMonitorTask(EXAMPLES, ["earnings", "regulation"])
    run = partial(predict, task.build(backbone), backbone)
    assert {*task.measure(run, EXAMPLES)} == {metric.name for metric in task.monitors}


def test_each_head_starts_from_the_means_of_its_classes(backbone: Encoder) -> None:
    task = FinanceMonitorTask(EXAMPLES, ["earnings", "regulation"])
    module = task.build(backbone).eval()
    assert module.sentiments is not None
    with torch.no_grad():
        outputs = module(**backbone.tokenize([EXAMPLES[1].text]))
    start = functional.normalize(module.sentiments.directions[2].detach(), dim=0)
    assert float(outputs["embedding"][0] @ start) == pytest.approx(1, abs=1e-4)


def test_chosen_topics() -> None:
    logits = torch.tensor([[0.2, -1.0, 3.0], [-1.0, -2.0, -3.0]])
    assert chosen_topics(logits, single=False).tolist() == [[1, 0, 1], [0, 0, 0]]
    assert chosen_topics(logits, single=True).tolist() == [[0, 0, 1], [1, 0, 0]]


@pytest.mark.parametrize(
    ("name", "label"), [("Bearish", "negative"), ("利好", "positive"), (" NEU ", "neutral")]
)
def test_other_names_of_the_three_sentiments_are_known(name: str, label: str) -> None:
    assert TrainingRecord(text="a", sentiment=name).sentiment == label  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("Alba rallies https://t.co/a1?b=2 https://t.co/c3", "Alba rallies http http"),
        ("见https://example.com/a。海港银行下跌", "见http。海港银行下跌"),
        ("Alba\u3000cuts  jobs", "Alba cuts jobs"),
    ],
)
def test_a_link_is_one_word_wherever_it_leads(text: str, prepared: str) -> None:
    assert prepare(text) == prepared


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("$ALBA down 4%", "Alba Bank down 4%"),
        ("long $alba, short $NOPE.", "long Alba Bank, short $NOPE."),
        ("it cost $100", "it cost $100"),
        ("卖出$600519.SH！", "卖出贵州茅台！"),
    ],
)
def test_a_known_ticker_is_read_as_its_companys_name(text: str, read: str) -> None:
    tickers = {"ALBA": "Alba Bank", "600519.SH": "贵州茅台"}
    assert spell_tickers(text, tickers) == read
    assert spell_tickers(text, {}) == text


def test_tickers_of_the_list_are_kept_in_the_release(tiny_model: Path, tmp_path: Path) -> None:
    news, companies = tmp_path / "news.csv", tmp_path / "companies.csv"
    rows = [
        f"$ALBA {w} {n},{s}"
        for n in range(12)
        for w, s in (("up", "positive"), ("down", "negative"))
    ]
    news.write_text("text,sentiment\n" + "\n".join(rows), encoding="utf-8")
    companies.write_text("name,ticker\nAlba Bank,ALBA\n", encoding="utf-8")
    quick = ("--backbone", tiny_model, "--set", "strategy=head", "--set", "epochs=1")
    files = ("--news", news, "--entities", companies, "--store", tmp_path)
    done = run_here("finance_monitor", "train", *files, *quick)
    assert done.returncode == 0, done.stderr
    loaded = load_release(Registry(tmp_path, "finance_monitor").open())
    assert loaded.tickers == {"ALBA": "Alba Bank"}
    asked, named = loaded.read(["$ALBA down", "Alba Bank down"])
    assert asked.sentiment == pytest.approx(named.sentiment, abs=1e-4)

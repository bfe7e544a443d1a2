from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from apps.recommender.evaluate import Evaluation
from apps.recommender.interactions.queries import Queries
from apps.recommender.reporting import (
    comparison_rows,
    comparison_sections,
    comparison_table,
    impressions_section,
    reliability_sections,
)
from common.evaluation.report import write_report

USERS = 300
LISTS = {"coverage": 0.25, "novelty": 5.0, "gini": 0.5}


def _method(name: str, right: np.ndarray) -> Evaluation:
    values = right.astype(float)
    cold = np.where(EACH < 100, values, np.nan)
    names = ("ndcg@10", "recall@50", "mrr@10")
    metrics = dict.fromkeys(names, values)
    metrics |= {f"cold_items/{name}": cold for name in names}
    metrics |= {f"cold_users/{name}": np.full(USERS, np.nan) for name in names}
    return Evaluation(name, metrics, LISTS)


EACH = np.arange(USERS)
MODEL = _method("towers", EACH % 2 == 0)
BASELINES = [
    _method("weak", EACH % 5 == 0),
    _method("like it", EACH % 2 == 1),
    _method("strong", EACH % 10 > 0),
]
QUERIES = Queries(
    users=np.arange(USERS),
    as_of=np.zeros(USERS, np.int64),
    relevant=[np.array([n % 2], np.int32) for n in range(USERS)],
    cold_user=np.zeros(USERS, bool),
    known_by=np.array([0, 3]),
    trained_users=3,
    training_before=np.zeros(USERS, np.int64),
)


def test_a_win_is_marked_only_where_the_interval_excludes_zero() -> None:
    _, model, weak, like, strong = comparison_rows(MODEL, BASELINES)
    assert "✓" not in "".join(model)
    assert weak[1].endswith("✓")
    assert not like[1].strip().endswith(("✓", "✗"))
    assert strong[1].endswith("✗")
    # Figures of the lists as a whole have no interval, so no mark.
    assert weak[-1].strip() == "0.500"


def test_the_table_fits_a_terminal_and_leaves_out_what_was_not_measured() -> None:
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(comparison_table(MODEL, BASELINES, "Compared with the baselines"))
    text = console.export_text()
    assert "nDCG@10" in text
    assert "diversity" not in text
    assert "…" not in text


def test_the_page_tells_gains_and_cold_items_and_no_empty_group(tmp_path: Path) -> None:
    sections = [
        *comparison_sections(MODEL, BASELINES, QUERIES),
        impressions_section({"towers": {"auc": 0.7, "user_auc": float("nan")}}),
        *reliability_sections(
            {"click": [{"stated": 0.01, "observed": 0.02, "records": 9}], "purchase": []}
        ),
    ]
    titles = [section.title for section in sections]
    assert "Cold items" in titles
    assert "Cold users" not in titles
    assert sum("Calibration" in title for title in titles) == 1
    gains = next(s for s in sections if s.title == "Gain in nDCG@10")
    assert [row[-1] for row in gains.table[1:]] == ["better", "no clear difference", "worse"]
    write_report(tmp_path / "report.html", "Recommender", sections)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 3
    assert "nan" not in page.split("<svg")[0]


@pytest.mark.parametrize("baselines", [[], BASELINES[:1]])
def test_a_model_may_stand_alone(baselines: list[Evaluation]) -> None:
    assert len(comparison_rows(MODEL, baselines)) == 2 + len(baselines)
    assert comparison_sections(MODEL, baselines, QUERIES)

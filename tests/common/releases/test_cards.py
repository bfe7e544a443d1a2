"""A release on paper: what its manifest says, what its owner adds, and what to hold against it."""

from __future__ import annotations

import json
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from command_line import ROOT, run_here
from selectolax.lexbor import LexborHTMLParser as HTMLParser

from common.releases.registry import Registry
from common.releases.release import write_release

APPLICATIONS = ("customer_service", "finance_monitor", "recommender")
MANIFEST: dict[str, Any] = {
    "base_model": "minilm",
    "languages": ["en"],
    "settings": {"strategy": "head", "epochs": 7},
    "data": {"sha256": {"<b>faqs</b>.csv": "ab" * 32}, "counts": {"faqs": 12, "test_users": 90}},
    "measured_on": "validation",
    "before": {"questions": 90, "right_first": 0.5, "texts": 90},
    "after": {"questions": 90, "right_first": 0.75, "texts": 90, "calibration_error": 0.2},
    "linear_model": {"difference": {"before": 0.7, "after": 0.75, "low": -0.1, "high": 0.2}},
    "promise": {"budget": 0.05, "proven": True, "threshold": 0.8, "questions": 90,
                "out_of_scope": 9},
    "seconds": 12.3, "device": "cpu", "precision": "fp32", "trained_parameters": 1234,
    "privacy": {"epsilon": 8.0, "delta": 1e-5},
}  # fmt: skip


def _store(folder: Path, application: str, **more: Any) -> Path:
    registry = Registry(folder / "var", application)
    made = write_release(
        registry.releases, lambda place: (place / "w").touch(), {**MANIFEST, **more}
    )
    registry.promote(made.release_id)
    return folder / "var"


def _read(path: Path) -> str:
    body = HTMLParser(path.read_text(encoding="utf-8")).body
    assert body
    return unescape(body.text(separator="\n"))


@pytest.mark.parametrize("application", APPLICATIONS)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_application_has_a_card_in_both_languages(
    application: str, language: str, tmp_path: Path
) -> None:
    store, out = _store(tmp_path, application), tmp_path / "card.html"
    done = run_here(
        application, "releases", "card", "--store", store, "--out", out, "--language", language
    )
    assert done.returncode == 0, done.stderr
    page, text = out.read_text(encoding="utf-8"), _read(out)
    assert f'<html lang="{language}">' in page
    assert "<b>faqs</b>.csv" in text, "what the user named is text, and no HTML"
    for said in ("minilm", "ab" * 32, "1,234", "7", "(ε, δ) = (8, 1e-05)"):
        assert said in text
    limits = text.index("Limits" if language == "en" else "局限")
    assert "10%" in text[limits:], "so few records may be off by so much"
    assert "20%" in text[limits:], "probabilities that are off are told"


def test_the_figures_are_those_of_the_manifest(tmp_path: Path) -> None:
    store, out = _store(tmp_path, "customer_service"), tmp_path / "card.html"
    run_here("customer_service", "releases", "card", "--store", store, "--out", out)
    rows = [
        [cell.text() for cell in row.css("td")]
        for row in HTMLParser(out.read_text(encoding="utf-8")).css("tr")
    ]
    assert ["right answer first", "50.0%", "75.0%"] in rows
    text = _read(out)
    assert "At most 5% of the answers given are wrong" in text
    assert "from -10.0% to +20.0%" in text
    assert "Measured on records by which settings and thresholds were chosen" in text


def test_a_promise_is_told_as_it_was_asked_for(tmp_path: Path) -> None:
    narrow = {**MANIFEST["promise"], "budget": 0.025, "threshold": 0.546}
    store, out = _store(tmp_path, "customer_service", promise=narrow), tmp_path / "card.html"
    run_here("customer_service", "releases", "card", "--store", store, "--out", out)
    text = _read(out)
    assert "At most 2.5% of the answers given are wrong" in text
    assert "from a confidence of 54.6% on" in text


def test_what_is_not_proven_or_not_known_is_said(tmp_path: Path) -> None:
    unproven = {**MANIFEST["promise"], "proven": False}
    nothing = dict.fromkeys(("data", "before", "linear_model", "privacy"))
    store = _store(tmp_path, "customer_service", promise=unproven, **nothing)
    out = tmp_path / "card.html"
    done = run_here("customer_service", "releases", "card", "--store", store, "--out", out)
    assert done.returncode == 0, done.stderr
    text = _read(out)
    assert "could not be shown" in text
    assert "What it learned from is not recorded" in text


def test_the_owner_adds_what_only_the_owner_knows(tmp_path: Path) -> None:
    store, out = _store(tmp_path, "finance_monitor"), tmp_path / "card.html"
    about = tmp_path / "about.toml"
    about.write_text('owner = "Risk desk"\nlegal_ground = "Licence 7 <script>"\n', encoding="utf-8")
    given = ("finance_monitor", "releases", "card", "--store", store, "--out", out)
    assert run_here(*given, "--about", about).returncode == 0
    assert "Risk desk" in _read(out)
    assert "<script>" not in out.read_text(encoding="utf-8")
    about.write_text('owner = "x"\nleagl_ground = "y"\n', encoding="utf-8")
    done = run_here(*given, "--about", about)
    assert done.returncode == 2
    assert f"{about}:2: there is no 'leagl_ground'" in " ".join(done.stderr.split())
    assert "legal_ground" in done.stderr
    about.write_text("owner = 3\n", encoding="utf-8")
    done = run_here(*given, "--about", about)
    assert (done.returncode, f"{about}:1" in "".join(done.stderr.split())) == (2, True)


def test_a_release_that_was_changed_gets_no_card(tmp_path: Path) -> None:
    store = _store(tmp_path, "recommender")
    release = Registry(store, "recommender").open()
    (release.directory / "w").write_text("changed", encoding="utf-8")
    out = tmp_path / "card.html"
    done = run_here("recommender", "releases", "card", "--store", store, "--out", out)
    assert (done.returncode, out.exists()) == (2, False)


def test_every_metric_has_its_name_in_both_languages() -> None:
    import tomllib

    for application in APPLICATIONS:
        path = ROOT / "apps" / application / "card.toml"
        figures = tomllib.loads(path.read_text(encoding="utf-8"))["figures"]
        assert figures
        for figure in figures.values():
            assert json.dumps(sorted(figure)) == '["en", "form", "zh"]'

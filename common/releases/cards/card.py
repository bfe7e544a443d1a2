"""A release's manifest → its model card and data sheet, as one HTML page.

After Mitchell et al. 2019, "Model cards for model reporting" (arXiv 1810.03993), and Gebru et al.
2018, "Datasheets for datasets" (arXiv 1803.09010).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from common.evaluation.report import Section, write_report
from common.files import read_toml
from common.releases.cards.about import About
from common.releases.cards.cautions import cautions
from common.releases.release import Release
from common.tuning.settings import RATES, Settings

WORDS = Path(__file__).with_name("words.toml")
Language = Literal["en", "zh"]
Rows = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Texts:
    """What an application says of itself, and how the card says everything, in one language.

    Attributes:
        own: `name`, `personal` (what becomes of personal data), and sentences as `meant_for`,
            `not_for`, `limits`, `people`.
        figures: a metric of the manifest → what it is called and how it is written (`share`,
            `number`, `count`), in the order of the card.
        counted: the metric that tells on how many records it was measured.
        words: of the card.
    """

    own: Mapping[str, Any]
    figures: Mapping[str, tuple[str, str]]
    counted: str
    words: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path, language: Language) -> Texts:
        """From an application's `card.toml`."""
        found = read_toml(path)
        figures = {
            name: (figure[language], figure["form"]) for name, figure in found["figures"].items()
        }
        return cls(found[language], figures, found["counted"], read_toml(WORDS)[language])


def write_card(
    path: Path, release: Release, texts: Texts, about: About, language: Language
) -> None:
    """Write the page."""
    words, manifest = texts.words, release.manifest
    sections = [
        Section(words["summary"], table=[("", ""), *_summary(manifest, words)]),
        Section(words["meant_for"], points=texts.own["meant_for"]),
        Section(words["not_for"], points=texts.own["not_for"]),
        Section(words["people"], points=texts.own["people"]),
        *_figures(manifest, texts),
        *_promise(manifest, words),
        Section(words["limits"], points=_limits(manifest, texts)),
        *_data(manifest, words),
        Section(words["personal"], texts.own["personal"]),
        _about(about, words),
        _settings(manifest, words),
        Section(
            words["libraries"],
            table=[(words["library"], words["version"]), *manifest.get("libraries", {}).items()],
        ),
        Section(words["checking"], words["checked"].format(content=manifest.get("content", "–"))),
    ]
    write_report(path, words["title"].format(name=texts.own["name"]), sections, language=language)


def _summary(manifest: Mapping[str, Any], words: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield words["release"], str(manifest["release_id"])
    yield words["created"], str(manifest.get("created", "–"))
    yield words["base_model"], str(manifest.get("base_model", "–"))
    yield words["languages"], ", ".join(manifest.get("languages") or ["–"])
    if earlier := manifest.get("trained_from"):
        yield words["trained_from"], ", ".join(earlier)
    elif parent := manifest.get("parent"):
        yield words["trained_from"], str(parent)
    if strategy := (manifest.get("settings") or {}).get("strategy"):
        yield words["strategy"], str(strategy)
    if (trained := manifest.get("trained_parameters")) is not None:
        yield words["trained_parameters"], f"{trained:,}"
    if {"seconds", "device", "precision"} <= manifest.keys():
        yield words["device"], words["seconds"].format(**manifest)
    if learned := (manifest.get("learned") or {}).get("verdict"):
        yield words["learned"], str(learned)
    if private := manifest.get("privacy"):
        yield words["privacy"], words["private"].format(**private)


def _figures(manifest: Mapping[str, Any], texts: Texts) -> Iterator[Section]:
    words, after = texts.words, manifest.get("after") or {}
    before = manifest.get("before") or {}
    rows = [
        (name, _written(before.get(metric), form), _written(after[metric], form))
        for metric, (name, form) in texts.figures.items()
        if metric in after
    ]
    if rows:
        counted = _counted(manifest, texts)
        count = "–" if counted is None else f"{counted:,}"
        measured_on = str(manifest.get("measured_on", "–"))
        part = words["parts"].get(measured_on, measured_on)
        header = (words["figure"], words["before"], words["after"])
        text = words["measured"].format(count=count, part=part)
        yield Section(words["figures"], text, [header, *rows])


def _counted(manifest: Mapping[str, Any], texts: Texts) -> int | None:
    after, counts = manifest.get("after") or {}, (manifest.get("data") or {}).get("counts", {})
    found = after.get(texts.counted, counts.get(texts.counted))
    return None if found is None else int(found)


def _written(value: float | None, form: str) -> str:
    if value is None:
        return "–"
    return {"share": f"{value:.1%}", "count": f"{value:,.0f}"}.get(form, f"{value:.3f}")


def _promise(manifest: Mapping[str, Any], words: Mapping[str, Any]) -> Iterator[Section]:
    if promise := manifest.get("promise"):
        said = words["promised" if promise["proven"] else "not_promised"]
        # As it was asked for: 2.5 % is not "at most 2 %".
        budget = f"{100 * promise['budget']:g}%"
        yield Section(words["promise"], said.format(**{**promise, "budget": budget}))


def _limits(manifest: Mapping[str, Any], texts: Texts) -> list[str]:
    found = cautions(manifest, _counted(manifest, texts), texts.words["cautions"])
    return [*texts.own["limits"], *found]


def _data(manifest: Mapping[str, Any], words: Mapping[str, Any]) -> Iterator[Section]:
    data = manifest.get("data") or {}
    files, counts = data.get("sha256", {}), data.get("counts", {})
    yield Section(words["data"], table=[(words["file"], words["hash"]), *files.items()])
    if counts:
        names = words["counted"]
        rows: Rows = [
            (names.get(name, name.replace("_", " ")), f"{count:,}")
            for name, count in counts.items()
        ]
        yield Section(words["counts"], table=[(words["what"], words["count"]), *rows])


def _about(about: About, words: Mapping[str, Any]) -> Section:
    said = about.model_dump()
    rows = [(name, said[key] or words["unsaid"]) for key, name in words["about_fields"].items()]
    text = "" if any(said.values()) else words["about_unsaid"]
    return Section(words["about"], text, [("", ""), *rows])


def _settings(manifest: Mapping[str, Any], words: Mapping[str, Any]) -> Section:
    given = manifest.get("settings") or {}
    usual = {name: field.default for name, field in Settings.model_fields.items()}
    usual["learning_rate"] = RATES.get(str(given.get("strategy")), usual["learning_rate"])
    changed: Rows = [
        (name, str(value))
        for name, value in given.items()
        if name in usual and value != usual[name]
    ]
    if not changed:
        return Section(words["settings"], words["no_settings"])
    return Section(words["settings"], table=[(words["setting"], words["value"]), *changed])

"""`explain`: the words behind a sentiment and its topics."""

from __future__ import annotations

from pathlib import Path

from apps.finance_monitor.options_cli import ReleaseId, open_registry
from common.cli import Device, Json, Store, new_app
from common.evaluation.explanation.explanation_cli import (
    MethodOption,
    Text,
    check_text,
    chosen_method,
    show_explanation,
)

verbs = new_app("Explain.")


@verbs.command()
def explain(
    text: Text,
    release_id: ReleaseId = None,
    method: MethodOption = None,
    device: Device = "auto",
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Which words of a text made its sentiment and topics, and what it was learned from."""
    check_text(text)
    chosen = chosen_method(method)
    release = open_registry(store).open(release_id)

    from apps.finance_monitor.explaining.story import explain_story, learned_from
    from apps.finance_monitor.learning.lessons import LESSONS, load_lessons
    from apps.finance_monitor.release import load_release
    from apps.finance_monitor.stories.classifying import sentiment_score
    from apps.finance_monitor.stories.text import prepare

    classifier = load_release(release, device=device)
    has_lessons = (release.directory / LESSONS).exists()
    learned = learned_from(classifier, load_lessons(release).train) if has_lessons else None
    found = explain_story(classifier, text, chosen, learned)
    score = sentiment_score(classifier.read([prepare(text)])[0])
    heading = {"sentiment": score.label, "probabilities": score.probabilities}
    show_explanation(found, heading, as_json=as_json)

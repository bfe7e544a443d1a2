"""`--rules` and `rules check`: the same in every application."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from common.cli import Json, Store, existing, new_app, print_json
from common.console import results, say, show_table

if TYPE_CHECKING:
    from common.rules.live import LiveRules
    from common.rules.reading import Known
    from common.rules.rule import Rule, RulesFile

RulesOption = Annotated[
    Path | None,
    typer.Option(
        "--rules", help="Rules as TOML; read again when the file changes.", callback=existing
    ),
]


def add_rules_verbs(
    app: typer.Typer,
    model: Callable[[], type[RulesFile[Any]]],
    known: Callable[[Path], Known] | None = None,
    spoken_in: Callable[[str], str] | None = None,
) -> None:
    """Add `rules check`.

    Args:
        model: what the application reads.
        known: the names that rules may use, of the release that serves in a store; None: its
            rules use none that a release knows.
        spoken_in: the language of a text, where the application goes by more than its script.
    """
    verbs = new_app("Rules: check a file.")
    app.add_typer(verbs, name="rules")

    @verbs.callback()
    def _verbs() -> None:
        """Rules: check a file."""

    @verbs.command()
    def check(
        rules: Annotated[Path, typer.Argument(help="Rules as TOML.")],
        text: Annotated[
            str | None, typer.Argument(help="In quotes: show which rules apply to it.")
        ] = None,
        language: Annotated[
            Literal["en", "zh"] | None, typer.Option(help="Default: detected from the text.")
        ] = None,
        store: Store = Path("var"),
        as_json: Json = False,
    ) -> None:
        """Read rules and their glossary, and show which of them apply to a text."""
        from common.files import check_readable
        from common.records.text import language_of
        from common.rules.reading import read_rules

        check_readable(rules)
        names = known(store) if known else {}
        found = read_rules(rules, model(), names)
        if known and not names:
            say(f"No release in {store}: the names that the rules use are not checked.")
        spoken = language or ((spoken_in or language_of)(text) if text else None)
        applying = found.applying(text, {"language": spoken}) if text is not None else []
        if as_json:
            print_json(
                {
                    "rules": [rule.name for rule in found.rule],
                    "applying": [_json(rule) for rule in applying],
                }
            )
            return
        if text is None:
            show_table(_table(found.rule, "The first rule that applies decides"))
        elif applying:
            show_table(_table(applying, "What applies, the first decides"))
        else:
            results().print("No rule applies.")


def say_what_fired(rules: LiveRules[Any]) -> None:
    """How often each rule decided, those that did."""
    fired = [f"{name} {count:,}" for name, count in rules.fired.items() if count]
    say(f"Decided by rules: {', '.join(fired) or 'nothing'}")


def _table(rules: Any, title: str) -> Any:
    from rich.markup import escape
    from rich.table import Table

    table = Table("rule", "action", "what", "if also", title=title, title_justify="left")
    for rule in rules:
        table.add_row(escape(rule.name), rule.action, escape(_what(rule)), escape(_if_also(rule)))
    return table


def _what(rule: Rule) -> str:
    from common.rules.rule import Names

    if rule.decides:
        return " ".join(rule.decides)
    to = rule.to
    if isinstance(to, Names):
        to = " / ".join(name for name in (to.en, to.zh) if name)
    return f"{rule.label} → {to}" if rule.label else f"to {to}"


def _if_also(rule: Rule) -> str:
    """What a text alone does not tell: the intent that the model finds, for example."""
    facts = rule.when.facts if rule.when else {}
    return ", ".join(f"{name} {value}" for name, value in facts.items() if name != "language")


def _json(rule: Rule) -> dict[str, Any]:
    facts = rule.when.facts if rule.when else {}
    facts.pop("language", None)
    decided = dict([rule.decides]) if rule.decides else {"to": rule.to}
    return {"rule": rule.name, "action": rule.action, **decided, "if_also": facts}

"""An explanation on the terminal: the text with its words shaded, and the strongest in a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from common.evaluation.explanation.attribution import Attribution
from common.evaluation.explanation.explanation import Explanation
from common.evaluation.explanation.neighbours import Neighbour

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

# Blue and orange are told apart by nearly everybody (Okabe & Ito 2008).
FOR, AGAINST = (0, 114, 178), (230, 159, 0)
# Below this share of the strongest weight a word is left unshaded.
FAINTEST = 0.1
STRONGEST_SHOWN = 5
LEGEND = "Blue: for. Orange: against. The stronger the colour, the more it counts."


def shaded(text: str, attribution: Attribution) -> Text:
    """The text; blue words speak for what is explained, orange ones against it."""
    from rich.text import Text

    shown = Text(text)
    most = max((abs(word.weight) for word in attribution.words), default=0.0)
    for word in attribution.words:
        share = abs(word.weight) / most if most else 0.0
        if share >= FAINTEST:
            shown.stylize(_style(FOR if word.weight > 0 else AGAINST, share), word.start, word.end)
    return shown


def _style(colour: tuple[int, int, int], share: float) -> str:
    background = "#" + "".join(f"{round(255 - share * (255 - part)):02x}" for part in colour)
    return (
        f"black on {background}" if colour is AGAINST or share < 0.6 else f"white on {background}"
    )


def strongest_table(attribution: Attribution) -> Table:
    """The strongest words with their weights, for whoever sees no colours as well."""
    from rich.markup import escape
    from rich.table import Table

    method = "integrated gradients" if attribution.method == "gradients" else "words left out"
    title = f"{attribution.towards}: {attribution.score:+.2f} {attribution.unit} (by {method})"
    table = Table("word", title=escape(title), title_justify="left")
    table.add_column(f"weight, {attribution.unit}", justify="right")
    table.add_column("")
    for word in attribution.strongest(STRONGEST_SHOWN):
        speaks = "for" if word.weight > 0 else "against" if word.weight < 0 else "–"
        table.add_row(escape(word.text), f"{word.weight:+.3f}", speaks)
    return table


def neighbours_table(neighbours: Sequence[Neighbour]) -> Table:
    """The nearest training texts."""
    from rich.markup import escape
    from rich.table import Table

    table = Table("nearest training text", "label", title_justify="left")
    table.add_column("cosine", justify="right")
    for one in neighbours:
        table.add_row(escape(one.text), escape(one.label), f"{one.cosine:.3f}")
    return table


def show(explanation: Explanation) -> None:
    """Print an explanation to stdout."""
    from common.console import results, show_table

    for attribution in explanation.attributions:
        results().print(shaded(explanation.text, attribution), soft_wrap=True)
        show_table(strongest_table(attribution))
    if explanation.attributions:
        results().print(LEGEND)
    if explanation.shared:
        shared = ", ".join(explanation.shared)
        results().print(f"Words in common with what was found: {shared}", markup=False)
    if explanation.neighbours:
        show_table(neighbours_table(explanation.neighbours))

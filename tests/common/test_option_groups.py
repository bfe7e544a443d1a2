"""A group is one parameter to who writes a verb, and single options to who types it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer
from typer.testing import CliRunner

from common.groups_cli import grouped

Colour = Annotated[str, typer.Option("--colour")]
Size = Annotated[int, typer.Option("--size", help="How large.")]
Names = Annotated[list[str] | None, typer.Option("--name", help="May be repeated.")]


@dataclass(frozen=True)
class Paper:
    width: Annotated[int, typer.Option("--width")]
    title: Annotated[str, typer.Option("--title")] = "untitled"


@dataclass(frozen=True)
class Shape:
    size: Size = 3
    name: Names = None


app = typer.Typer(rich_markup_mode=None)
seen: list[tuple[str, Shape, bool]] = []


@app.command()
@grouped
def draw(*, colour: Colour, shape: Shape, twice: bool = False) -> None:
    """Draw."""
    seen.append((colour, shape, twice))


papers: list[Paper] = []


@app.command()
@grouped
def print_it(*, paper: Paper) -> None:
    """Print."""
    papers.append(paper)


def test_its_fields_are_options_with_their_defaults() -> None:
    assert CliRunner().invoke(app, ["draw", "--colour", "red"]).exit_code == 0
    assert seen.pop() == ("red", Shape(), False)
    words = ["draw", "--colour", "red", "--name", "a", "--size", "5", "--name", "b", "--twice"]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert seen.pop() == ("red", Shape(5, ["a", "b"]), True)
    assert CliRunner().invoke(app, ["draw", "--colour", "red", "--size", "large"]).exit_code == 2


def test_a_field_without_a_default_must_be_given() -> None:
    found = CliRunner().invoke(app, ["print-it", "--title", "Ode"])
    assert found.exit_code == 2
    assert "--width" in found.output
    assert CliRunner().invoke(app, ["print-it", "--width", "3"]).exit_code == 0
    assert papers.pop() == Paper(3)


def test_they_are_shown_where_it_stands() -> None:
    shown = CliRunner().invoke(app, ["draw", "--help"]).stdout
    places = [shown.index(option) for option in ("--colour", "--size", "--name", "--twice")]
    assert places == sorted(places)
    assert "How large" in shown
    assert "Draw." in shown


def test_code_gives_the_group_as_it_is() -> None:
    draw(colour="blue", shape=Shape(7))
    assert seen.pop() == ("blue", Shape(7), False)

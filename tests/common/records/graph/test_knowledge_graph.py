"""Facts from a file, what follows from them, and what cannot be."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from common.errors import RefusedError, UserError
from common.records.graph.contradictions import contradictions, read_agreeing_graph
from common.records.graph.fact import Triple
from common.records.graph.knowledge_graph import KnowledgeGraph
from common.records.graph.reading import is_knowledge, read_graph

HEAD = "subject,relation,object,valid_from,valid_until,source\n"
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def graph(folder: Path, rows: str, vocabulary: str = "") -> KnowledgeGraph:
    path = folder / "knowledge.csv"
    whole = [line + "," * (HEAD.count(",") - line.count(",")) for line in rows.splitlines()]
    path.write_text(HEAD + "\n".join(whole), encoding="utf-8")
    if vocabulary:
        path.with_suffix(".toml").write_text(vocabulary, encoding="utf-8")
    return read_graph(path)


def test_names_and_relations_are_settled_however_they_are_written(tmp_path: Path) -> None:
    found = graph(tmp_path, "c65,配件,清风X200\nX200,also called,清风 X200\nC65,successor_of,C30\n")
    assert [one.triple for one in found.facts] == [
        ("c65", "accessory of", "X200"),
        ("c65", "successor of", "C30"),
    ]
    assert found.names.thing("清风x200") == "X200"
    assert found.names.shown("X200", "zh") == "清风 X200"
    assert found.names.shown("C30", "zh") == "C30"


def test_signs_in_names_tell_things_and_values_apart(tmp_path: Path) -> None:
    rows = "S10+,successor of,S10\nC1,accessory of,S10+\nS10,price,£1.50\nS10,price,£150\n"
    found = graph(tmp_path, rows, 'functional = ["price"]\n')
    assert found.at(NOW).subjects("accessory of", "S10") == []
    (one,) = contradictions(found)
    assert "two values of 'price'" in one.why


def test_rules_hold_of_a_relation_by_any_of_its_names(tmp_path: Path) -> None:
    (tmp_path / "knowledge.csv").write_text(
        "主语,关系,宾语\nX1,保修期,1 year\nX1,warranty,2 years\n", encoding="utf-8"
    )
    (tmp_path / "knowledge.toml").write_text(
        'functional = ["保修期"]\n[names]\nwarranty = ["保修期"]\n', encoding="utf-8"
    )
    assert is_knowledge(tmp_path / "knowledge.csv")
    assert len(contradictions(read_graph(tmp_path / "knowledge.csv"))) == 1


def test_what_follows_carries_the_rows_that_it_follows_from(tmp_path: Path) -> None:
    found = graph(
        tmp_path,
        "bolt,part of,wheel\nwheel,part of,cart\ncart,part of,train\nC65,accessory of,train\n",
        '[chains]\n"accessory of" = [["accessory of", "has part"]]\n',
    )
    view = found.at(NOW)
    assert view.objects("bolt", "part of") == ["wheel", "cart", "train"]
    proof = view.prove(Triple("bolt", "part of", "train"))
    assert [one.place for one in proof.stated] == [f"knowledge.csv:{n}" for n in (2, 3, 4)]
    assert proof.rules == ("transitive: part of",)
    fits = view.prove(Triple("C65", "accessory of", "bolt"))
    assert {one.triple.subject for one in fits.stated} == {"C65", "bolt", "wheel", "cart"}
    assert view.subjects("has part", "wheel") == ["cart", "train"]
    assert Triple("train", "part of", "bolt") not in view


def test_only_what_holds_at_a_time_is_known_and_a_day_is_a_whole_day(tmp_path: Path) -> None:
    found = graph(tmp_path, "HF-2,accessory of,X200,,2026-06-01\nHF-3,accessory of,X200,2026-06-02")
    last = datetime(2026, 6, 1, 23, 59, tzinfo=UTC)
    assert found.at(last).subjects("accessory of", "X200") == ["HF-2"]
    next_day = datetime(2026, 6, 2, tzinfo=UTC)
    assert found.at(next_day).subjects("accessory of", "X200") == ["HF-3"]
    assert found.at(next_day) is found.at(datetime(2027, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("X200,successor of,\n", "knowledge.csv:2: object"),
        ("X200,successor of,X200\n", "knowledge.csv:2"),
        ("A,part of,B,2026-02-01,2026-01-01\n", "valid_until is not after valid_from"),
        ("A,part of,B,soon\n", "valid_from"),
        ("A,also called,Z\nB,also called,Z\n", "knowledge.csv:3: 'Z' names both A and B"),
        ("A,also called,B\nA,part of,b\n", "knowledge.csv:3: A and b are names of one thing"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, rows: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        graph(tmp_path, rows)
    assert said in str(caught.value)


def test_a_vocabulary_that_says_what_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="transitiv"):
        graph(tmp_path, "A,part of,B\n", 'transitiv = ["part of"]\n')


def test_a_slip_of_the_hand_is_pointed_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph(tmp_path, "A,sucessor of,B\nA,colour,red\n")
    said = capsys.readouterr().err
    assert "'sucessor of' is not declared; meant: 'successor of'" in said
    assert "colour" not in said


def test_two_values_at_a_time_and_circles_contradict_and_nothing_is_answered_from_them(
    tmp_path: Path,
) -> None:
    rows = (
        "X,price,£5,,2025-12-31\nX,price,£6,2026-01-01\nY,price,£5\nY,price,£7\nY,price,£5.\n"
        "A,parent of,B,,2024-12-31\nB,parent of,A,2025-01-01\n"
        "C,part of,D\nD,part of,E,2026-01-01\nE,part of,C\n"
    )
    found = contradictions(graph(tmp_path, rows, 'functional = ["price"]\n'))
    assert [(one.why, {row.place for row in one.rows}) for one in found] == [
        ("Y has two values of 'price'", {"knowledge.csv:4", "knowledge.csv:5"}),
        ("Y has two values of 'price'", {"knowledge.csv:5", "knowledge.csv:6"}),
        ("a circle of 'part of'", {f"knowledge.csv:{n}" for n in (9, 10, 11)}),
    ]
    with pytest.raises(RefusedError, match="contradictions among the facts: 3"):
        read_agreeing_graph(tmp_path / "knowledge.csv")


def test_what_would_follow_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.records.graph.reasoning.MOST_DERIVED", 100)
    found = graph(tmp_path, "".join(f"n{n},part of,n{n + 1}\n" for n in range(50)))
    with pytest.raises(UserError, match="more than 100 facts follow"):
        found.at(NOW)


def test_a_file_of_facts_is_told_from_another_table(tmp_path: Path) -> None:
    other = tmp_path / "relations.csv"
    other.write_text("company,relation,other\nA,supplier,B\n", encoding="utf-8")
    graph(tmp_path, "A,part of,B\n")
    assert is_knowledge(tmp_path / "knowledge.csv")
    assert not is_knowledge(other)


def test_turtle_is_read_with_names_and_how_long_it_holds(tmp_path: Path) -> None:
    pytest.importorskip("rdflib")
    path = tmp_path / "knowledge.ttl"
    path.write_text(
        """
        @prefix : <http://shop.example/> .
        @prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
        @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
        @prefix skos: <http://www.w3.org/2004/02/skos/core#> .
        @prefix schema: <https://schema.org/> .
        @prefix dcterms: <http://purl.org/dc/terms/> .
        :x200 rdfs:label "X200" ; skos:altLabel "清风X200"@zh ; a :Vacuum ; :successorOf :x100 .
        :Vacuum rdfs:label "vacuum" .
        :x100 rdfs:label "X100" .
        [] a rdf:Statement ; rdf:subject :x200 ; rdf:predicate :successorOf ; rdf:object :x100 ;
            schema:validFrom "2026-01-01" ; dcterms:source "Catalogue 2026" .
        """,
        encoding="utf-8",
    )
    found = read_graph(path)
    assert {one.triple for one in found.facts} == {
        ("X200", "is a", "vacuum"),
        ("X200", "successor of", "X100"),
    }
    assert found.names.thing("清风X200") == "X200"
    (dated,) = (one for one in found.facts if one.triple.relation == "successor of")
    assert (dated.fact.source, dated.is_valid(datetime(2025, 1, 1, tzinfo=UTC))) == (
        "Catalogue 2026",
        False,
    )
    path.write_text("not turtle", encoding="utf-8")
    with pytest.raises(UserError, match="not readable as turtle"):
        read_graph(path)

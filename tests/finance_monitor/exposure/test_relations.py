"""Who else is hit, by path and strength."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from receiving import an_alert

from apps.finance_monitor.alerts import operations
from apps.finance_monitor.alerts.life import Change
from apps.finance_monitor.alerts.notifications import in_words
from apps.finance_monitor.alerts.routing import AlertRouter
from apps.finance_monitor.exposure.relations import Exposures, Relation, read_relations
from apps.finance_monitor.exposure.wording import exposed_in_words
from apps.finance_monitor.store import Store
from apps.finance_monitor.stories.companies import Entity, EntityList
from apps.finance_monitor.watchlists.audience import Subscribers
from common.errors import UserError

LISTED = EntityList(
    [
        Entity(name="Alba", ticker="ALB"),
        Entity(name="Borea", aliases=["Borea Group"]),
        Entity(name="云岭银行", aliases=["云岭"]),
    ]
)


def relations(*rows: tuple[str, str, str, float]) -> Exposures:
    names = ("company", "relation", "other", "strength")
    return Exposures([Relation.model_validate(dict(zip(names, row, strict=True))) for row in rows])


def test_a_surge_at_a_supplier_concerns_its_customers_and_theirs_the_most_exposed_first() -> None:
    exposures = relations(
        ("Alba", "supplier", "Borea", 0.5),
        ("Borea", "supplier", "Corvus", 0.4),
        ("Alba", "supplier", "Dorado", 0.1),
    )
    found = exposures.of("Alba")
    assert [(one.company, one.strength) for one in found] == [
        ("Borea", 0.5),
        ("Corvus", 0.2),
        ("Dorado", 0.1),
    ]
    assert [(step.company, step.relation) for step in found[1].path] == [
        ("Alba", "supplier"),
        ("Borea", "supplier"),
    ]
    # A customer's trouble is its supplier's only where the table says so.
    assert exposures.of("Borea")[0].company == "Corvus"
    assert exposures.of("Corvus") == exposures.of("nobody") == []


def test_of_several_paths_the_strongest_is_told() -> None:
    exposures = relations(
        ("Alba", "supplier", "Corvus", 0.2),
        ("Alba", "supplier", "Borea", 0.9),
        ("Borea", "supplier", "Corvus", 0.9),
        ("Alba", "customer", "Borea", 0.1),
    )
    assert [(one.company, one.strength, len(one.path)) for one in exposures.of("Alba")] == [
        ("Borea", 0.9, 1),
        ("Corvus", 0.81, 2),
    ]


def test_parents_peers_and_guarantors_are_concerned_as_well() -> None:
    exposures = relations(
        ("Alba", "parent", "Borea", 0.3),
        ("Alba", "guarantor", "Corvus", 0.6),
        ("Corvus", "peer", "Dorado", 0.1),
    )
    assert [step.relation for one in exposures.of("Borea")[:1] for step in one.path] == [
        "subsidiary"
    ]
    assert exposures.of("Corvus")[0].company == "Alba"
    assert [one.path[0].relation for one in exposures.of("Dorado")] == ["peer", "peer"]


def test_a_ring_ends_and_what_hardly_arrives_is_left_out() -> None:
    ring = [("A", "supplier", "B", 1.0), ("B", "supplier", "C", 1.0), ("C", "supplier", "A", 1.0)]
    assert [one.company for one in relations(*ring).of("A")] == ["B", "C"]
    assert relations(("A", "supplier", "B", 0.2), ("B", "supplier", "C", 0.2)).of("A") == (
        relations(("A", "supplier", "B", 0.2)).of("A")
    )


def test_companies_go_by_any_of_their_names_and_relations_by_either_language(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "relations.csv"
    path.write_text(
        "company,relation,other\nALB,Supplier,Borea Group\n云岭,担保方,Alba\nAlba,peer,Zeta\n",
        encoding="utf-8",
    )
    exposures = read_relations(path, LISTED)
    assert [one.company for one in exposures.of("Alba")] == ["Borea", "Zeta", "云岭银行"]
    assert {one.strength for one in exposures.of("Alba")} == {0.5}
    assert "not in --entities, so that they raise no alert: Zeta" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("Alba,owner,Borea,0.5", "relation"),
        ("Alba,supplier,Borea,1.5", "strength"),
        ("Alba,supplier,Borea,nan", "strength"),
        ("Alba,supplier,,0.5", "other"),
        ("ALB,supplier,Alba,0.5", "its own supplier"),
    ],
)
def test_a_row_that_is_no_relation_is_refused(tmp_path: Path, row: str, message: str) -> None:
    path = tmp_path / "relations.csv"
    path.write_text(f"company,relation,other,strength\n{row}\n", encoding="utf-8")
    with pytest.raises(UserError) as raised:
        read_relations(path, LISTED)
    assert message in str(raised.value)


def test_an_alert_of_a_company_is_kept_with_who_depends_on_it(tmp_path: Path) -> None:
    store = Store(tmp_path / "monitor.sqlite")
    exposures = relations(("Alba", "supplier", "Borea", 0.5))
    router = AlertRouter(store, Subscribers(["console"]), lambda *_: [], exposures)
    alerts = [an_alert(), an_alert("b1", key="topic/Alba")]
    with store.transaction() as database:
        told = router.write(database, [Change("firing", one, 0, (one.key,)) for one in alerts])
    exposed = {one.alerts[0].key: one.alerts[0].exposed for one in told}
    assert exposed == {"company/Alba": exposures.of("Alba"), "topic/Alba": []}
    assert operations.case(store, "a1").alert.exposed == exposures.of("Alba")
    store.close()


def test_a_notification_names_the_exposed_in_its_language() -> None:
    found = relations(("Alba", "supplier", "Borea", 0.5), ("Borea", "guarantor", "Corvus", 0.4))
    alert = an_alert("a1").model_copy(update={"exposed": found.of("Alba")})
    told = "Borea 50% (supplier of Borea), Corvus 20% (supplier of Borea → guarantor of Corvus)"
    assert in_words(alert).splitlines()[-1] == f"Indirectly exposed: {told}"
    chinese = exposed_in_words(found.of("Alba")[:1], chinese=True)
    assert chinese == "间接受影响：Borea 50%（Borea的供应商）"


def test_a_file_of_facts_says_who_was_exposed_then(tmp_path: Path) -> None:
    path = tmp_path / "knowledge.csv"
    path.write_text(
        "subject,relation,object,valid_until,strength\n"
        "Alba,supplier of,Borea Group,2026-01-31,0.4\n"
        "云岭,subsidiary of,Borea,,0.6\n"
        "X200,successor of,X100,,\n",
        encoding="utf-8",
    )
    found = read_relations(path, LISTED)
    before, after = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 3))
    told = [(one.company, one.strength) for one in found.of("Alba", before)]
    assert told == [("Borea", 0.4), ("云岭银行", 0.24)]
    assert found.of("Alba", after) == []
    assert [one.path[0].relation for one in found.of("云岭银行", after)] == ["subsidiary"]
    path.write_text("subject,relation,object\nX200,successor of,X100\n", encoding="utf-8")
    with pytest.raises(UserError, match="no fact relates companies"):
        read_relations(path, LISTED)

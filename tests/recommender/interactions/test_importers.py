from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from apps.recommender.interactions.importers import import_dataset
from apps.recommender.interactions.reading import read_interactions
from apps.recommender.schema import Interaction, Item, User
from common.errors import UserError
from common.records.reader import read_records


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


def put(folder: Path, name: str, *lines: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def interactions(output: Path) -> list[Interaction]:
    path = output / "interactions.csv"
    assert len(read_interactions(path).frame) == path.read_text().count("\n") - 1
    return list(read_records(path, Interaction))


def items(output: Path) -> dict[str, Item]:
    return {item.item_id: item for item in read_records(output / "items.jsonl", Item)}


def put_movielens(source: Path) -> None:
    put(source, "ratings.csv", "userId,movieId,rating,timestamp", "7,1,4.5,1260759144")
    put(
        source,
        "movies.csv",
        "movieId,title,genres",
        '1,"City of Lost Children, The (1995)",Adventure|Drama',
        "2,Untitled Pilot,(no genres listed)",
    )
    put(source, "tags.csv", "userId,movieId,tag,timestamp", "7,1,Dreams,100", "8,1,later,300")


def test_movielens(source: Path, tmp_path: Path) -> None:
    put_movielens(source)
    import_dataset("movielens", source, tmp_path / "out")
    assert interactions(tmp_path / "out") == [
        Interaction(
            user_id="7",
            item_id="1",
            behavior="click",
            timestamp=datetime(2009, 12, 14, 2, 52, 24, tzinfo=UTC),
            rating=4.5,
        )
    ]
    film, pilot = items(tmp_path / "out").values()
    assert film.title == "City of Lost Children, The (1995)"
    assert film.tags == ["Adventure", "Drama"]
    assert film.created_at == datetime(1995, 1, 1, tzinfo=UTC)
    assert (pilot.tags, pilot.created_at) == ([], None)


def test_tags_of_movielens_only_from_before(source: Path, tmp_path: Path) -> None:
    put_movielens(source)
    moment = datetime.fromtimestamp(200, UTC)
    import_dataset("movielens", source, tmp_path, tags_before=moment)
    assert items(tmp_path)["1"].tags == ["Adventure", "Drama", "dreams"]


def put_mind(folder: Path, day: int) -> None:
    put(
        folder,
        "behaviors.tsv",
        f"1\tU1\t11/{day}/2019 8:05:22 AM\tN9 N3\tN1-0 N2-1",
        f"2\tU2\t11/{day}/2019 11:59:59 PM\t\tN3-1",
    )
    news = 'N{}\tsports\tgolf\tThe "Open"\tA short\tone\thttps://x.example\t[]\t[]'
    put(folder, "news.tsv", *(news.format(number) for number in (1, 2, 3, 9)))


def test_mind(source: Path, tmp_path: Path) -> None:
    put_mind(source, 9)
    import_dataset("mind", source, tmp_path)
    begin = datetime(2019, 11, 9, 8, 5, 22, tzinfo=UTC).timestamp()
    found = [
        (
            i.user_id,
            i.item_id,
            i.timestamp.timestamp() - begin,
            i.impression_id,
            i.label,
        )
        for i in interactions(tmp_path)
    ]
    assert found == [
        ("U1", "N9", -2, None, None),
        ("U1", "N3", -1, None, None),
        ("U1", "N1", 0, "1", 0),
        ("U1", "N2", 0, "1", 1),
        ("U2", "N3", 16 * 3600 - 323, "2", 1),
    ]
    article = items(tmp_path)["N9"]
    assert (article.category, article.tags, article.title) == ("sports", ["golf"], 'The "Open"')


def test_folders_of_mind_together(source: Path, tmp_path: Path) -> None:
    put_mind(source / "MINDsmall_train", 9)
    put_mind(source / "MINDsmall_dev", 15)
    import_dataset("mind", source, tmp_path)
    found = interactions(tmp_path)
    assert len({i.impression_id for i in found if i.impression_id}) == 4
    # A history is counted once, before all that was shown.
    assert sum(i.impression_id is None for i in found) == 2
    assert max(i.timestamp for i in found if i.impression_id is None).day == 9
    assert len(items(tmp_path)) == 4


def test_mind_without_labels_is_told(source: Path, tmp_path: Path) -> None:
    put_mind(source, 9)
    put(source, "behaviors.tsv", "1\tU1\t11/9/2019 8:05:22 AM\tN9\tN1 N2")
    with pytest.raises(UserError, match="2 impressions without label"):
        import_dataset("mind", source, tmp_path)


def put_recbole(source: Path, title: str = "movie_title:token_seq") -> None:
    put(
        source,
        "ml.inter",
        "user_id:token\titem_id:token\trating:float\ttimestamp:float",
        "u1\t11\t3.0\t881250949.0",
        "u2\t12\t4\t1.5e12",
    )
    put(
        source,
        "ml.item",
        f"item_id:token\t{title}\tclass:token_seq\tprice:float",
        '11\t"Heat" at Night\tCrime Drama\t9.5',
        "12\t\t\t",
    )
    put(source, "ml.user", "user_id:token\tage:float", "u1\t24", "u2\t31")


def test_recbole(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put_recbole(source)
    import_dataset("recbole", source, tmp_path)
    found = interactions(tmp_path)
    assert [i.timestamp.timestamp() for i in found] == [881250949, 1.5e9]
    assert [i.rating for i in found] == [3, 4]
    heat, nameless = items(tmp_path).values()
    assert (heat.title, heat.tags, heat.price) == ('"Heat" at Night', ["Crime", "Drama"], 9.5)
    assert (nameless.title, nameless.tags, nameless.price) == ("12", [], None)
    assert "1 items without title" in capsys.readouterr().err
    first = next(iter(read_records(tmp_path / "users.csv", User)))
    assert (first.user_id, first.features) == ("u1", {"age": "24"})


def test_what_recbole_says_was_done_keeps_its_name(source: Path, tmp_path: Path) -> None:
    put_recbole(source)
    put(
        source,
        "ml.inter",
        "user_id:token\titem_id:token\ttimestamp:float\tevent_type:token",
        "u1\t11\t881250949\tadd_to_cart",
    )
    import_dataset("recbole", source, tmp_path)
    assert "add_to_cart" in (tmp_path / "interactions.csv").read_text(encoding="utf-8")


def test_a_title_under_another_name_can_be_mapped(source: Path, tmp_path: Path) -> None:
    put_recbole(source, "headline:token_seq")
    with pytest.raises(UserError, match="no field looks like a title") as caught:
        import_dataset("recbole", source, tmp_path)
    assert "headline" in str(caught.value)
    import_dataset("recbole", source, tmp_path, mapping={"title": "headline"})
    assert items(tmp_path)["11"].title == '"Heat" at Night'


@pytest.mark.parametrize(
    ("kind", "missing", "told"),
    [
        ("movielens", "ratings.csv", r"ratings\.csv: no such file"),
        ("movielens", "movies.csv", r"movies\.csv: no such file"),
        ("mind", "behaviors.tsv", r"behaviors\.tsv: no such file"),
        ("mind", "news.tsv", r"news\.tsv: no such file"),
        ("recbole", "ml.inter", r"one \*\.inter file is wanted; there: none"),
        ("recbole", "ml.item", r"one \*\.item file is wanted; there: none"),
        ("netflix", "ml.user", "no importer 'netflix'"),
    ],
)
def test_what_is_missing_is_told(
    source: Path, tmp_path: Path, kind: str, missing: str, told: str
) -> None:
    put_movielens(source)
    put_mind(source, 9)
    put_recbole(source)
    (source / missing).unlink()
    with pytest.raises(UserError, match=told):
        import_dataset(kind, source, tmp_path)


@pytest.mark.parametrize(
    ("kind", "name", "lines", "told"),
    [
        ("movielens", "ratings.csv", ["user,movie", "1,2"], "no column 'userId'"),
        ("movielens", "ratings.csv", ["userId,movieId,rating,timestamp", "1,2,3,4,5"], "format"),
        ("movielens", "movies.csv", ["movieId,title,genres", '1,"",Drama'], "item 1: title"),
        ("mind", "behaviors.tsv", ["1\tU1\tyesterday\tN9\tN1-0"], "format of mind"),
        ("mind", "behaviors.tsv", ["1 U1"], "1 columns, where 5 are wanted"),
        ("recbole", "ml.inter", ["user_id:token\titem_id:token", "1\t2"], "column 'timestamp'"),
    ],
)
def test_another_format_is_told(
    source: Path, tmp_path: Path, kind: str, name: str, lines: list[str], told: str
) -> None:
    put_movielens(source)
    put_mind(source, 9)
    put_recbole(source)
    put(source, name, *lines)
    with pytest.raises(UserError, match=told):
        import_dataset(kind, source, tmp_path / "out")
    left = tmp_path / "out"
    assert not left.exists() or not list(left.glob("*interactions*"))


def test_rows_of_a_wrong_clock_are_kept_apart(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put_movielens(source)
    with (source / "ratings.csv").open("a", encoding="utf-8") as file:
        file.write("9,1,4.0,4102444800\n")
    written = import_dataset("movielens", source, tmp_path)
    (rejected,) = [path for path in written if "rejected" in path.name]
    assert "4102444800" in rejected.read_text(encoding="utf-8")
    assert "4102444800" not in (tmp_path / "interactions.csv").read_text(encoding="utf-8")
    assert "1 rows are dated ahead" in capsys.readouterr().err

from __future__ import annotations

from pathlib import Path

import pytest
from sample import SAMPLES

from apps.customer_service.documents.passage import MOST_WORDS, Passage, passages_of
from apps.customer_service.documents.reading import read_documents
from apps.customer_service.importing.schema import Block, Page
from common.errors import UserError

PAGE = Page(
    "Boxes",
    [
        Block("Boxes", 1),
        Block("We keep boxes. They are small."),
        Block("Rent", 2),
        Block("Size | Price"),
        Block("Small | £10"),
        Block("Large | £20"),
        Block("Paid in advance.", page=3),
        Block("Late", 3),
        Block("Then it costs more."),
        Block("Keys", 2),
        Block("- Two keys come with it.", page=4),
    ],
    "boxes.pdf",
)


def test_a_passage_knows_its_headings_and_rows_their_columns() -> None:
    found = passages_of(PAGE, "boxes.pdf")
    assert [(one.headings, one.sentences) for one in found] == [
        ((), ("We keep boxes.", "They are small.")),
        (("Rent",), ("Size: Small | Price: £10", "Size: Large | Price: £20", "Paid in advance.")),
        (("Rent", "Late"), ("Then it costs more.",)),
        (("Keys",), ("Two keys come with it.",)),
    ]
    assert found[2].heading == "Boxes > Rent > Late"
    assert found[3].page == 4


def test_a_long_section_is_cut_between_sentences() -> None:
    long = Page("T", [Block("One two three four five. " * 120)], "t.txt")
    found = passages_of(long, "t.txt")
    assert len(found) == 3
    assert all(len(" ".join(one.sentences).split()) <= MOST_WORDS for one in found)


def test_samples_are_read_in_both_languages() -> None:
    found = read_documents([SAMPLES / "documents"])
    assert {one.language for one in found} == {"en", "zh"}
    assert len({one.document for one in found}) == 60


def test_what_is_hidden_in_a_page_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        "<h1>T</h1><p>Seen <!-- not this --> here.</p><p style='color:red; display:none'>Nor this"
        "</p><p style='visibility: hidden'>nor this</p><p hidden>nor this</p><script>this</script>",
        encoding="utf-8",
    )
    assert [one.sentences for one in read_documents([tmp_path])] == [("Seen here.",)]


def test_one_broken_document_does_not_keep_the_others_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "good.txt").write_text("Boxes are opened at nine.", encoding="utf-8")
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7 and nothing else")
    (tmp_path / "picture.png").write_bytes(b"")
    assert [one.document for one in read_documents([tmp_path])] == ["good.txt"]
    said = capsys.readouterr().err
    assert "Not read: broken.pdf: not a whole PDF" in said
    assert "Not read: picture.png: not a format that is read" in said


def test_a_folder_without_a_document_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no document to answer from"):
        read_documents([tmp_path])


def test_the_same_text_elsewhere_is_another_passage() -> None:
    one = Passage(document="a.md", title="T", sentences=("Same.",))
    assert one.id != one.model_copy(update={"document": "b.md"}).id


def test_the_number_of_an_item_stays_with_its_sentence() -> None:
    blocks = [
        Block("1. Open Tools. Choose Feeds."),
        Block("2. 插U盾确认。"),
        Block("It costs £9. 4."),
    ]
    (found,) = passages_of(Page("T", blocks, "t.md"), "t.md")
    assert found.sentences == (
        "1. Open Tools.",
        "Choose Feeds.",
        "2. 插U盾确认。",
        "It costs £9.",
        "4.",
    )

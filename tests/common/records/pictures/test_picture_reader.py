from __future__ import annotations

import pytest
from PIL import Image
from written import chinese_font, picture

from common.errors import UserError
from common.records.pictures import reading
from common.records.pictures.lines import joined
from common.records.pictures.opening import open_picture
from common.records.pictures.reading import PictureReader

pytest.importorskip("rapidocr", reason="needs the extra `pictures`")


@pytest.fixture(scope="module")
def reader() -> PictureReader:
    return PictureReader(1)


def test_english_is_read_and_an_empty_page_is_none(reader: PictureReader) -> None:
    lines = reader.read(open_picture(picture("How do I block my stolen card?")))
    assert joined(lines) == "How do I block my stolen card?"
    assert lines[0].confidence > 0.9
    assert reader.read(open_picture(picture())) == []
    assert reader.read(Image.new("RGB", (1, 1))) == []


def test_a_page_that_lies_askew_is_read_from_line_to_line(reader: PictureReader) -> None:
    rows = ("I lost my debit card on the train", "yesterday evening. What should I do")
    page = open_picture(picture(*rows)).rotate(-10, expand=True, fillcolor="white")
    assert joined(reader.read(page)) == " ".join(rows)


def test_chinese_is_read(reader: PictureReader) -> None:
    if (font := chinese_font()) is None:
        pytest.skip("no Chinese font is installed")
    assert (
        joined(reader.read(open_picture(picture("银行卡丢了怎么办", font=font))))
        == "银行卡丢了怎么办"
    )


def test_without_the_package_the_command_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UserError, match="rapidocr is not installed") as refused:
        reading.require_reader()
    assert refused.value.hint == "pip install -e '.[pictures]'"

"""Several questions in one request are parted where the reply answers each, by a real encoder."""

from __future__ import annotations

import pytest

from apps.customer_service.importing.mining.parting import parted
from apps.customer_service.importing.mining.vectors import Reader
from apps.customer_service.importing.schema import Exchange
from common.models.sources.bundled import locate


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    return Reader(locate("e5-small"), tmp_path_factory.mktemp("vectors"), "cpu")


def _pairs(reader: Reader, request: str, reply: str, language: str) -> list[tuple[str, str]]:
    found = parted([Exchange(request, reply, "d", "log:1", agent="Kim")], reader, language)
    assert {(one.dialogue_id, one.place, one.agent) for one in found} == {("d", "log:1", "Kim")}
    return [(one.request, one.reply) for one in found]


@pytest.mark.parametrize(
    ("language", "request_", "reply", "pairs"),
    [
        (
            "en",
            "Is there a car park at the pool? Also, how much is a ticket for children?",
            "There is a car park behind the pool. Children pay £3, under fours are free.",
            [
                ("Is there a car park at the pool?", "There is a car park behind the pool."),
                (
                    "How much is a ticket for children?",
                    "Children pay £3, under fours are free.",
                ),
            ],
        ),
        (
            "en",
            "2 questions: 1) can I borrow films 2) how do I get a library card",
            "Yes. Films can be borrowed for a week. For a library card bring your passport.",
            [
                ("Can I borrow films", "Yes. Films can be borrowed for a week."),
                ("How do I get a library card", "For a library card bring your passport."),
            ],
        ),
        (
            "zh",
            "游泳馆有停车场吗，儿童票多少钱",
            "游泳馆后面有停车场。儿童票20元，一米二以下免费。",
            [
                ("游泳馆有停车场吗", "游泳馆后面有停车场。"),
                ("儿童票多少钱", "儿童票20元，一米二以下免费。"),
            ],
        ),
        (
            "zh",
            "两个事 1借书证怎么办 2周末几点开门",
            "办借书证带身份证到一楼服务台。周末上午九点开门。",
            [
                ("借书证怎么办", "办借书证带身份证到一楼服务台。"),
                ("周末几点开门", "周末上午九点开门。"),
            ],
        ),
    ],
)
def test_each_question_goes_with_its_answer(
    reader: Reader, language: str, request_: str, reply: str, pairs: list[tuple[str, str]]
) -> None:
    assert _pairs(reader, request_, reply, language) == pairs


@pytest.mark.parametrize(
    ("language", "request_", "reply"),
    [
        # One sentence for both.
        (
            "en",
            "Is there a car park at the pool? How much is it for children?",
            "The car park is behind the pool and free for families.",
        ),
        # The second question says nothing by itself.
        (
            "en",
            "How do I get a library card? And how long does that take?",
            "Bring your passport to the desk. It takes five minutes.",
        ),
        # What was told last belongs to what was asked first.
        (
            "en",
            "Is there a car park at the pool? How much is a ticket for children?",
            "Children pay £3, under fours are free. There is a car park behind the pool.",
        ),
        ("zh", "借书证怎么办，多久", "带身份证到服务台。五分钟就能办好。"),
        (
            "zh",
            "游泳馆有停车场吗，儿童票多少钱",
            "儿童票20元，一米二以下免费。游泳馆后面有停车场。",
        ),
    ],
)
def test_what_the_reply_does_not_answer_apart_stays_whole(
    reader: Reader, language: str, request_: str, reply: str
) -> None:
    assert _pairs(reader, request_, reply, language) == [(request_, reply)]

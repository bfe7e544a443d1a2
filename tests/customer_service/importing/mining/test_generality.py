"""What one dialogue says is mined only where it is so for anybody, read by a real encoder."""

from __future__ import annotations

import pytest

from apps.customer_service.importing.mining.mine import ONE_CASE, mine
from apps.customer_service.importing.schema import Dialogue, Pair, Rejected, Turn

GENERAL = {
    "how heavy can a suitcase be": "Each checked bag may weigh up to 23 kilos. Above that there is"
    " a surcharge at the counter.",
    "What time do we have to be out of the room?": "Check-out is at 11 am. Late check-out until"
    " 2 pm costs 25 pounds if the room is free.",
    "who can add users to our workspace?": "Only an administrator can add users: Settings, People,"
    " Invite. Each plan includes five seats.",
    "do new members get shown how the machines work?": "Every new member gets a free induction of"
    " 45 minutes with a trainer; book it at the front desk.",
    "酒店几点可以入住": "入住时间是14点以后，提前到店可以免费寄存行李。",
    "图书馆一次可以借几本书": "每张读者证每次最多借10本，期限30天，可续借一次。",
    "怎么关掉来电彩铃": "在App里进入设置-通话-彩铃，点关闭，次月生效不再收费。",
    "办旅游签要准备哪些材料": "需要护照原件、两张白底照片、在职证明和近半年的银行流水。",
}
ONE = {
    "did anyone hand in a grey scarf last night?": "Yes, they have one, it's behind reception with"
    " your room number on it.",
    "I was promised 10% off by the lady on the phone": "I spoke to Maria and she says so."
    " I took 14.20 off the bill.",
    "who's going to win tonight?": "Ha, I'm not allowed to say, I support the other lot!",
    "is Tom still our account manager?": "Tom left in April, you're with Priya now. She'll drop"
    " you a line.",
    "how much is it for the four of us on the weekend": "That makes 310 with the extra bed, and"
    " I've kept the corner room for you.",
    "why was my class moved": "Your teacher is stuck in traffic, they begin at seven instead.",
    "我早上落了个充电器在房间": "阿姨收起来了，白色的对吧，放前台了，您随时来取。",
    "这次能不能给我便宜点，老客户了": "店长同意了，这次给您减20。",
    "师傅说上午来，怎么还没到": "师傅路上堵车，大概十一点半到您那儿。",
    "我们两大一小周六住一晚多少": "算下来428，给您留了二楼那间。",
    "今晚的球赛你看不看呀": "哈哈要上夜班，看不了，您替我多喝两口。",
}


@pytest.fixture(scope="module")
def mined(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Pair], list[Rejected]]:
    said = (GENERAL | ONE).items()
    dialogues = [
        Dialogue(f"d{n}", [Turn("customer", asked), Turn("agent", told)], f"log:{n}")
        for n, (asked, told) in enumerate(said)
    ]
    return mine(dialogues, tmp_path_factory.mktemp("mined"))


def test_what_is_so_for_anybody_is_mined(mined: tuple[list[Pair], list[Rejected]]) -> None:
    assert {*GENERAL.values()} <= {pair.answer for pair in mined[0]}


def test_what_concerns_one_customer_is_told_and_not_mined(
    mined: tuple[list[Pair], list[Rejected]],
) -> None:
    assert not {*ONE.values()} & {pair.answer for pair in mined[0]}
    assert {*ONE} <= {one.text for one in mined[1] if one.reason == ONE_CASE}

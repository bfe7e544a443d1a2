"""What is unmistakable in a message, in both languages."""

from __future__ import annotations

from typing import Any

import pytest

from apps.customer_service.conversation.choosing import chosen
from apps.customer_service.conversation.message import parts_of, sentences_of, take_apart
from apps.customer_service.conversation.patterns import load_patterns
from apps.customer_service.conversation.replies import load_replies
from apps.customer_service.conversation.turns import Turn
from apps.customer_service.schema import Faq
from common.records.personal import prepare

PATTERNS = load_patterns()


def turn(topic: str = "What does it cost?", **given: Any) -> Turn:
    return Turn(
        conversation_id="c", owner="", subject="", at=0, text="a", understood_as="a",
        topic=topic, kind="question", language="en", **given,
    )  # fmt: skip


FAQS = {
    "fees": Faq(id="fees", question="What does a transfer cost?", answer="Nothing."),
    "card": Faq(id="card", question="How do I block my card?", answer="In the app."),
    "loan": Faq(id="loan", question="Can I repay my loan early?", answer="Yes."),
}
SHOWN = ["fees", "card", "loan"]


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("Hello!", "greeting"),
        ("good morning", "greeting"),
        ("您好，在吗？", "greeting"),
        ("早上好", "greeting"),
        ("Great, thank you so much", "thanks"),
        ("好的，谢谢您！", "thanks"),
        ("ok bye", "goodbye"),
        ("再见啦", "goodbye"),
        ("Are you a robot?", "identity"),
        ("am I talking to a real person", "identity"),
        ("你是机器人吗", "identity"),
        ("is there a person at the other end", "identity"),
        ("有人没", "greeting"),
        ("helllo 👋", "greeting"),
        ("hahaha 😂", "smalltalk"),
        ("讲个笑话吧", "smalltalk"),
        ("how do I block my card", None),
        ("thanks to you I lost my money", None),
        ("good morning transfer limits", None),
        ("早上转的账怎么还没到", None),
        ("你好像多收了我手续费", None),
    ],
)
def test_small_talk_is_known_only_where_it_is_the_whole_message(
    message: str, kind: str | None
) -> None:
    assert PATTERNS.kind_of(prepare(message)) == kind


@pytest.mark.parametrize(
    ("message", "wants"),
    [
        ("I want to speak to a human", True),
        ("can I talk to someone, please", True),
        ("agent", True),
        ("Give me your manager!", True),
        ("转人工", True),
        ("我要人工客服", True),
        ("让真人跟我说", True),
        ("escalate this please", True),
        ("I would like to speak with an adviser about a mortgage", True),
        ("could I have a call back", True),
        ("can u ring me", True),
        ("could someone call me a bit later", True),
        ("can you call me a taxi", False),
        ("could you ring me a cab please", False),
        ("给我打个电话吧", True),
        ("帮我打个电话给我妈", False),
        ("please put me through to the loans team", True),
        ("does the loans team look at that", False),
        ("I was talking to your fraud team, what does pending mean", False),
        ("I have to talk to my team first, how long is it valid", False),
        ("真人在线吗", True),
        ("给我转接投诉专员", True),
        ("你听不懂，找个懂的人来", True),
        ("can you put a block on my boss's card", False),
        ("找个能取钱的网点", False),
        ("how do I send money to a person in the UK", False),
        ("can somebody else use my card", False),
        ("does an agent need a power of attorney", False),
        ("人工费多少", False),
        ("客服电话多少", False),
        ("取钱一定要本人去吗", False),
    ],
)
def test_who_wants_a_person_is_told_from_who_speaks_of_one(message: str, wants: bool) -> None:
    assert bool(PATTERNS.wants_person.search(prepare(message))) is wants


@pytest.mark.parametrize(
    ("message", "mood"),
    [
        ("I want to kill myself", "distress"),
        ("someone is stealing money from my account right now", "distress"),
        ("I'll sue you", "angry"),
        ("不想活了", "distress"),
        ("有人正在转走我卡里的钱", "distress"),
        ("我要去法院告你们", "angry"),
        ("payments keep going out one after another while I watch", "distress"),
        ("a man on the phone is telling me to move my savings", "distress"),
        ("you will be hearing from my solicitor", "angry"),
        ("他们让我开着屏幕共享，现在还在操作", "distress"),
        ("someone on the phone said he was from the bank", None),
        ("骗子昨天打电话来", None),
        ("there is a payment that I don't recognise", None),
        ("how do I kill a standing order", None),
        ("卡被盗刷了怎么办", None),
        ("theres somebody in my account taking money out as we speak please help", "distress"),
        ("theyre draining my savings as i write this", "distress"),
        ("hes in my banking app moving money out", "distress"),
        ("theres somebody using my card as we speak please freeze it", "distress"),
        ("youve got to help somebody is in my account now", "distress"),
        ("有人进了我的手机银行在往外转账", "distress"),
        ("快帮我，别人正用我的账户付款", "distress"),
        ("有人此刻正从我卡里划钱", "distress"),
        ("有人盗了我的号正在花我的钱", "distress"),
        ("somebody is paying themselves out of my account", "distress"),
        ("有个自称公安的正在视频让我转钱到安全账户怎么办啊", "distress"),
        ("自称公安的人昨天打来电话", None),
        ("they are taking a monthly fee from my account, why?", None),
        ("they are taking ages to send my card", None),
        ("he is moving to Spain, can he keep the account?", None),
        ("she is using her own card abroad, what does it cost?", None),
        ("what should I do if someone is using my account and taking money?", None),
        ("who do I call if there is someone in my account?", None),
        ("账户里的钱为什么一直在少", None),
        ("有人在柜台取钱要排队吗", None),
        ("别人在国外给我转钱要多久", None),
    ],
)
def test_what_is_serious_is_told_from_what_an_faq_answers(message: str, mood: str | None) -> None:
    assert PATTERNS.urgency(prepare(message)) == mood


@pytest.mark.parametrize(
    ("message", "mood"),
    [
        ("two weeks and not a single apology", "angry"),
        ("how many more times must I tell you", "angry"),
        ("I'm done with you", "angry"),
        ("一个推一个，没一个管事的", "angry"),
        ("I feel sick, it was all we had", "distress"),
        ("心里堵得慌", "distress"),
        ("I'm useless with computers", None),
        ("how many times can I change my PIN", None),
        ("两种手续费差多少", None),
    ],
)
def test_a_mood_is_told_without_swearing(message: str, mood: str | None) -> None:
    assert PATTERNS.mood_of(prepare(message)) == mood


@pytest.mark.parametrize(
    ("message", "left"),
    [
        ("Hi there, how do I block my card? Thanks!", "how do I block my card"),
        ("你好，请问怎么挂失？谢谢", "怎么挂失"),
        ("hello", "hello"),
        ("thank you", "thank you"),
        ("history of payments", "history of payments"),
        ("aw thank you", "aw thank you"),
    ],
)
def test_courtesy_is_cut_off_a_question_and_nothing_else(message: str, left: str) -> None:
    assert PATTERNS.without_courtesy(prepare(message)).strip("?") == left


@pytest.mark.parametrize(
    ("message", "goes_on"),
    [
        ("and abroad?", True),
        ("what about my wife", True),
        ("how long does that take?", True),
        ("why?", True),
        ("那国外呢", True),
        ("多久到账", True),
        ("这个要收费吗", True),
        ("n what if I lose it", True),
        ("n/a", False),
        ("how do I apply for a mortgage", False),
        ("信用卡怎么还款", False),
    ],
)
def test_what_goes_on_from_something_is_known_by_its_words(message: str, goes_on: bool) -> None:
    assert PATTERNS.goes_on(prepare(message)) is goes_on


@pytest.mark.parametrize(
    ("message", "meant"),
    [
        ("no, I meant the credit card", "the credit card"),
        ("Sorry, I mean cash withdrawals", "cash withdrawals"),
        ("not the loan, the mortgage", "the mortgage"),
        ("that's not what I asked", ""),
        ("this doesn't help", ""),
        ("没回答我的问题", ""),
        ("contactless doesn't work", None),
        ("不是，我说的是信用卡", "信用卡"),
        ("我问的是国外汇款", "国外汇款"),
        ("不是取款密码，是登录密码", "登录密码"),
        ("问反了，是别人转给我", "别人转给我"),
        ("no, it's the debit card", "the debit card"),
        ("I said the debit card", "the debit card"),
        ("no, it's about my loan", "my loan"),
        ("it's about my loan", "my loan"),
        ("不好意思，是信用卡", "信用卡"),
        ("it's been three weeks and nobody wrote", None),
        ("I want to open an account", None),
        ("哦，那要多久", None),
        ("不好意思，我的卡坏了", None),
        ("how do I close my account", None),
        ("不是本人可以办吗", None),
        ("the mortgage i mean, not the loan", "the mortgage"),
        ("不是存折那个，银行卡的", "银行卡的"),
        ("不是我转的，怎么办", None),
        ("do you know what I mean", None),
        ("no not the debit card, the credit card", "the credit card"),
        ("nah not the PIN the app passcode", "the app passcode"),
        ("other way round, they are sending it to me", "they are sending it to me"),
        ("I should have been clearer, it comes from Norway", "it comes from Norway"),
        ("反了反了，是我姐汇给我", "我姐汇给我"),
        ("我说信用卡", "信用卡"),
        ("no no the app one", "the app one"),
        ("wrong one, im on about the overdraft", "the overdraft"),
        ("I'm talking about the app", "the app"),
        ("that's the wrong one", ""),
        ("I'm on the bus right now", None),
        ("no the app still says so", None),
        ("我说了半天没用吗", None),
    ],
)
def test_a_correction_says_what_was_meant(message: str, meant: str | None) -> None:
    assert PATTERNS.meant(prepare(message)) == meant


def test_who_turns_to_something_else_names_it() -> None:
    for message, aside in (
        ("and abroad?", True),
        ("what about my wife", True),
        ("so where is it now", False),
        ("那国外呢", True),
        ("any fee", False),
        ("收年费不", False),
    ):
        assert PATTERNS.turns_aside(prepare(message)) is aside


@pytest.mark.parametrize(
    ("message", "asks"),
    [
        ("whats it cost", True),
        ("hw do i pay", True),
        ("补卡收钱不", True),
        ("到账没", True),
        ("钱到了没", True),
        ("钱还没", False),
        ("钱一直没", False),
        ("退款至今没", False),
        ("我不", False),
        ("it came yesterday", False),
    ],
)
def test_what_asks_is_known_however_it_is_spelled(message: str, asks: bool) -> None:
    assert (PATTERNS.asks.search(prepare(message)) is not None) is asks


@pytest.mark.parametrize(
    ("message", "faq_id"),
    [
        ("the second one", "card"),
        ("2", "card"),
        ("第二个", "card"),
        ("选1", "fees"),
        ("the last one please", "loan"),
        ("最后一个", "loan"),
        ("Can I repay my loan early", "loan"),
        ("the one about my loan", "loan"),
        ("umm 3", "loan"),
        ("i'd say the top one please", "fees"),
        ("头一个吧", "fees"),
        ("帮我看一下第二条", "card"),
        ("first, tell me how to pay", None),
        ("3 days", None),
        ("第一次用", None),
        ("好的", None),
        ("the fourth one", None),
        ("how do I block it", None),
        ("22", None),
    ],
)
def test_a_choice_is_by_place_or_by_words(message: str, faq_id: str | None) -> None:
    assert chosen(prepare(message), SHOWN, FAQS, PATTERNS) == faq_id


def test_what_was_chosen_and_is_no_faq_any_more_keeps_its_place() -> None:
    left = {name: faq for name, faq in FAQS.items() if name != "card"}
    assert chosen("the third one", SHOWN, left, PATTERNS) == "loan"
    assert chosen("the second one", SHOWN, left, PATTERNS) is None


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ("How do I block my card? And also, what does a new one cost?", 2),
        ("怎么挂失，另外补卡多少钱", 2),
        ("1) can I repay early 2) what does an overdraft cost", 2),
        ("First, how do I complain? Second, how do I close my account?", 2),
        ("do you charge for it - and if so how much", 2),
        ("sending euros to my sister + whats the rate", 2),
        ("问两个 挂失怎么弄 补卡多少钱", 2),
        ("怎么挂失？对了，流水在哪打", 2),
        ("1、怎么挂失 2、流水在哪打", 2),
        ("Q1 how do I complain Q2 how do I close my account", 2),
        ("open an account for my son. also savings for him", 2),
        ("卡丢了。另外流水也要一份", 2),
        ("my card came today. the blue one", 0),
        (
            "I moved house. My post goes astray. I called. How do I tell you? And who do I call?",
            4,
        ),
        ("My wife and I also want to know how to pay", 0),
        ("How do I send money and receive it?", 0),
        ("Two quick questions. How do I complain? How do I close my account?", 2),
        ("我有两个问题。怎么挂失？流水在哪打？", 2),
        ("my card runs out next month, how do I get a new one", 0),
        ("how much is the plus account", 0),
        ("卡里还有五百块怎么取", 0),
        ("密码对了怎么还是登不上", 0),
        ("怎么挂失", 0),
        ("? ? ! . 。", 0),
        ("how " * 400, 0),
    ],
)
def test_joined_questions_are_parted(message: str, parts: int) -> None:
    assert len(parts_of(prepare(message), PATTERNS)) == parts


@pytest.mark.parametrize(
    ("message", "clauses"),
    [
        ("what is the most I can take out in cash a day, and the most I can transfer?", 2),
        ("理财赎回几天到账,到了转到别的银行收手续费不", 2),
        ("what if, say, I lose it", 0),
        ("挂失收费吗,补卡要几天", 2),
        ("丢了,在车上丢的", 0),
        ("how do I switch it on also tapping does not work", 2),
        ("账户登不上,登上了以后一天里最多转几次", 2),
    ],
)
def test_a_message_may_join_questions_by_commas(message: str, clauses: int) -> None:
    found = take_apart(prepare(message), [], FAQS, PATTERNS)
    assert (found.parts, len(found.clauses)) == ([], clauses)


def test_what_clauses_share_is_said_once() -> None:
    def clauses(message: str) -> list[str]:
        return list(take_apart(prepare(message), [], FAQS, PATTERNS).clauses)

    shared = clauses("how do I update my address and my phone number")
    assert shared == ["how do I update my address", "how do I update my phone number"]
    assert clauses("what does it cost and I was charged twice")[1] == "I was charged twice"


@pytest.mark.parametrize(
    ("message", "is_of_both"),
    [
        ("a statement and a letter, how do I get both", True),
        ("two quick questions about my card", True),
        ("paying in notes or a cheque, what do I do for each?", True),
        ("what does each payment cost", False),
        ("流水和存款证明，分别怎么开", True),
        ("这俩咋办", True),
        ("两个月没还了", False),
        ("how do I block my card", False),
    ],
)
def test_one_predicate_for_two_things_is_known_by_its_words(message: str, is_of_both: bool) -> None:
    assert (PATTERNS.both.search(prepare(message)) is not None) is is_of_both


def test_a_message_costs_a_bounded_number_of_texts() -> None:
    long = "How? " * 300
    assert len(sentences_of(long)) == 4
    before = turn(answered=["fees"])
    for message in (long, "and how? " * 200, "还有吗" * 300):
        assert len(take_apart(prepare(message), [before], FAQS, PATTERNS).texts) <= 11


def test_a_message_goes_on_from_what_was_offered_where_nothing_was_answered() -> None:
    before = turn("my card", shown=["card", "loan"])
    found = take_apart("how long does it take", [before], FAQS, PATTERNS)
    assert list(found.joined) == [
        "my card how long does it take",
        "How do I block my card? how long does it take",
    ]


def test_nothing_goes_on_from_what_was_not_understood() -> None:
    answered, slip = turn("my card", answered=["card"]), turn("gfhjk", understood=False)
    assert take_apart("and how long", [answered, slip], FAQS, PATTERNS).before == answered
    assert take_apart("and how long", [slip], FAQS, PATTERNS).before == slip
    # Who corrects a slip rejects no answer, and goes on from what was said before it.
    corrected = take_apart("no, I meant fees", [answered, slip], FAQS, PATTERNS)
    assert (corrected.before, corrected.question, corrected.not_meant) == (answered, "fees", [])
    assert "my card fees" in corrected.joined
    assert take_apart("no, I meant fees", [answered], FAQS, PATTERNS).not_meant == ["card"]


@pytest.mark.parametrize("bit", ["嗯", "?", ",", "ok, ", "no ", "thanks ", "? ? ", "不是，", "、"])
def test_a_message_made_to_be_slow_is_read_all_the_same(bit: str) -> None:
    """What backtracks without end would take longer than the universe is old."""
    hostile = prepare((bit * 2000)[:2000]) + "x"
    assert take_apart(hostile, [], FAQS, PATTERNS).texts
    PATTERNS.urgency(hostile)
    PATTERNS.mood_of(hostile)
    PATTERNS.meant(hostile)


def test_both_languages_have_all_replies() -> None:
    replies = load_replies().texts
    assert replies["en"].keys() == replies["zh"].keys()


def test_what_commas_part_is_read_by_itself_too() -> None:
    found = take_apart("It has been days, let a colleague ring me", [], FAQS, PATTERNS)
    assert found.spoken == ["It has been days", "let a colleague ring me"]
    assert set(found.spoken) <= set(found.texts)
    assert take_apart("let a colleague ring me", [], FAQS, PATTERNS).spoken == []


@pytest.mark.parametrize(
    ("message", "language"),
    [
        ("hiya", "en"),
        ("g'day", "en"),
        ("see ya!", "en"),
        ("hello?", "en"),
        ("再见啦", "zh"),
        ("Carte perdue ?", "fr"),
    ],
)
def test_small_talk_is_in_the_language_of_its_pattern(message: str, language: str) -> None:
    assert take_apart(prepare(message), [], FAQS, PATTERNS).language == language

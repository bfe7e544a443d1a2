"""What words say together: things and what moves them, ends, negations, clauses."""

from __future__ import annotations

import pytest

from apps.finance_monitor.direction.entries import bundled
from apps.finance_monitor.direction.lexicon import LONGEST, Lexicon
from apps.finance_monitor.direction.reading import STILL, read

WORDS = Lexicon(
    {
        "good": ["profit"],
        "bad": ["debt", "债务"],
        "welcome": ["wins"],
        "unwelcome": ["fraud", "违约"],
        "up": ["rises", "上升"],
        "down": ["falls", "下降"],
        "starts": ["admits"],
        "ends": ["averts", "解除"],
        "reverses": ["not", "no", "未"],
        "untrue": ["untrue", "不属实"],
        "although": ["although"],
        "but": ["but", "仍"],
        "after": ["after"],
        "then": ["后"],
        "from": ["from"],
        "to": ["to a"],
        "other": ["debt collector"],
    }
)


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("", 0),
        ("Nothing of note", 0),
        ("profit rises", 1),
        ("profit falls", -1),
        ("debt falls", 1),
        ("it rises", 0.3),
        ("the debt", -0.2),
        ("fraud", -1),
        ("债务下降", 1),
        # An end and a beginning.
        ("averts fraud", 1),
        ("解除违约", 1),
        ("admits debt", -1),
        ("it averts", -0.3),
        # A negation turns round what follows, once, however much of a unit follows.
        ("no fraud", 1),
        ("profit rises not", 1),
        ("profit not rises", -1),
        ("未违约", 1),
        ("not", -0.3),
        # A denial turns round what came before, also in the clause before.
        ("fraud is untrue", 1),
        ("fraud: untrue", 1),
        ("违约一事不属实", 1),
        ("untrue that fraud", -1),
        # Less counts what is conceded, was before or stands before "but".
        ("although profit rises, debt rises", -0.7),
        ("profit rises but debt rises", -0.7),
        ("debt rises after profit rises", -0.5),
        ("违约后解除违约", 0.5),
        ("后违约", -1),
        # Nothing is said yet of a thing that alone stands before "but": it is no clause.
        ("债务仍下降", 1),
        ("违约，债务仍下降", 0.7),
        # What is left behind counts the other way; where it leads, nothing is moved.
        ("from a fraud to a profit", 0.5),
        ("falls to a profit", -0.3),
        ("profit falls from rises", -1),
        # Movements that contradict each other: the last that is said of the thing.
        ("rises debt falls", 1),
        ("debt rises falls", 1),
        ("rises falls debt", -1),
        # What is moved already moves the next thing.
        ("rises debt falls profit", -2),
        # A thing that nothing moves is not heard where others move.
        ("profit, debt rises", -0.8),
        ("debt collector", 0),
    ],
)
def test_units_are_put_together(text: str, score: float) -> None:
    assert read(text, WORDS).score == pytest.approx(score)


def test_a_reading_names_its_words() -> None:
    found = read("Profit, they say, averts a fraud", WORDS)
    assert [(one.words, one.value) for one in found.said] == [("Profit", 0.2), ("averts fraud", 1)]


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("Losses shrink at the airline", "Losses grow at the airline"),
        ("Unit costs came down again", "Unit costs went up again"),
        ("The bank denies it is insolvent", "The bank admits it is insolvent"),
        ("Churn eased to a record low", "Churn climbed to a record high"),
        ("Investigation into the lender dropped", "Investigation into the lender begins"),
        ("It has not defaulted", "It has defaulted"),
        ("不良贷款率下降", "不良贷款率上升"),
        ("公司否认财务造假", "公司承认财务造假"),
        ("成本持续回落", "成本持续攀升"),
        ("监管部门撤销处罚", "监管部门作出处罚"),
        ("净利润由降转增", "净利润由增转降"),
        # Of movements that contradict each other, what is said of the thing counts.
        ("High inflation eases", "Low inflation accelerates"),
        ("Lower costs lift margins", "Higher costs cut margins"),
        ("Costs fell from a record high", "Profit fell from a record high"),
        ("The firm's profit rises", "The firm's profit falls"),
        ("投诉不断减少", "利润不断减少"),
        ("通胀低于预期", "通胀超预期"),
        # A figure's own name holds words that mean something else by themselves.
        ("Profit after tax rises", "Profit before tax falls"),
        ("New contract lifts revenue", "Lost contract cuts revenue"),
        ("Cloud revenue rises", "Cloud revenue falls"),
        ("Unemployment stays low", "Inflation stays high"),
        ("Regulator drops the probe", "Regulator opens a probe"),
        ("Net profit for the quarter ended in June rose", "Net loss for the quarter ended in June"),
        ("The lender survives", "The lender has yet to recover"),
        # Names of companies are no verbs.
        ("Snap shares rise", "Snap shares fall"),
        ("Plug Power shares rise", "Plug Power shares fall"),
        ("Dodge sales rise", "Dodge sales fall"),
        ("Best Buy's sales rise", "Best Buy's sales fall"),
        ("Rival snaps its losing run", "Rival snaps its winning run"),
        ("Buyer closes the deal", "Buyer closes its plant"),
        # What nearly was, or would have been, is not.
        ("The lender was nearly wound up", "The lender was nearly saved"),
        ("It came close to losing the contract", "It came close to winning the contract"),
        ("It could have widened the loss", "It could have widened the margin"),
        ("该行险些违约", "该行险些扭亏"),
        ("要不是对冲，本该亏损", "要不是火灾，本该盈利"),
        # An end right before a movement is the movement's.
        ("Rents stop rising", "Sales stop rising"),
        ("It repays its bonds early", "It fails to repay its bonds"),
        # What stands inside a clause does not part it.
        ("成本仍在下降", "利润却下降了"),
        ("利润虽未增长，但债务下降", "成本虽已下降，但亏损扩大"),
        ("停产后复产", "复产后停产"),
        ("连续五年增长", "连续五年亏损"),
        ("从10亿元的亏损降至5亿元", "从10亿元的利润降至5亿元"),
        ("第一季度净利润增长", "第一季度净利润下降"),
        ("龙头企业利润增长", "龙头企业利润下滑"),
        ("利润下滑放缓", "利润增长放缓"),
        ("双方宣布停火", "双方宣布开战"),
        ("产能释放，利润增长", "债券展期失败"),
        ("由于订单增加至十万台", "由于亏损扩大至5亿元"),
    ],
)
def test_the_words_that_come_with_it_tell_good_from_bad(good: str, bad: str) -> None:
    assert read(good, bundled()).score > 0 > read(bad, bundled()).score


@pytest.mark.parametrize(
    "text",
    [
        "The firm said on Monday",
        "Oil settles at $80",
        "Opposition leader visits Paris",
        "The think tank published a report",
        "A conference on global warming",
        "In the quarter ended September 30",
        "Apple's earnings release is on Thursday",
        "加拿大央行行长讲话",
        "新加坡办公室搬迁",
        "小鹏汽车发布新车",
        "雷诺与吉利见面",
        "多晶硅行业周报",
        "公司高管出席会议",
        "第一财经报道",
        "后续安排另行公告",
        "市场调查问卷",
    ],
)
def test_words_inside_others_say_nothing(text: str) -> None:
    assert abs(read(text, bundled()).score) <= STILL


def test_of_a_long_text_no_more_is_read_than_by_a_model() -> None:
    assert read("word " * LONGEST + "fraud", WORDS).said == ()
    assert read("word " * (LONGEST - 1) + "fraud", WORDS).score == -1

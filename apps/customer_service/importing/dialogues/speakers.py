"""Who speaks, by the label that stands before a turn or in its column."""

from __future__ import annotations

import re

from apps.customer_service.importing.schema import Speaker

# What exports and people call the two sides; a label may say more: "Agent Anna", "客服小王".
CUSTOMER = (
    *("customer", "client", "user", "end user", "enduser", "visitor", "guest", "buyer", "contact"),
    *("requester", "consumer", "caller", "member", "lead", "incoming", "shopper", "passenger"),
    *(
        "patient",
        "用户",
        "客户",
        "顾客",
        "买家",
        "访客",
        "会员",
        "咨询者",
        "来访者",
        "乘客",
        "消费者",
    ),
)
AGENT = (
    *("agent", "support", "staff", "representative", "rep", "operator", "assistant", "advisor"),
    *("adviser", "admin", "seller", "csr", "service", "customer service", "customer support"),
    *("support agent", "human agent", "outgoing", "teammate", "employee", "helpdesk", "team"),
    *(
        "客服",
        "人工客服",
        "在线客服",
        "坐席",
        "座席",
        "商家",
        "卖家",
        "专员",
        "顾问",
        "店员",
        "小二",
    ),
    *("店小二", "工作人员", "客服专员", "人工"),
)
OTHER = (
    *("bot", "chatbot", "robot", "system", "action", "automation", "automated", "agent bot"),
    *(
        "agentbot",
        "activity",
        "note",
        "机器人",
        "智能客服",
        "系统",
        "系统消息",
        "系统提示",
        "自动回复",
    ),
)
NAMES: dict[str, Speaker] = {
    **dict.fromkeys(CUSTOMER, "customer"),
    **dict.fromkeys(AGENT, "agent"),
    **dict.fromkeys(OTHER, "other"),
}
LONGEST_FIRST = sorted(NAMES, key=len, reverse=True)
SEPARATORS = re.compile(r"[\s_\-]+")
LONGEST_LABEL = 30


def speaker_of(label: str) -> tuple[Speaker, str | None] | None:
    """The side that a label names, and the name of who spoke where it has one; else None.

    A label is one of the words, or begins with one, or holds one in brackets: "Anna (Support)".
    """
    plain = SEPARATORS.sub(" ", label.strip().lower())
    if not plain or len(plain) > LONGEST_LABEL:
        return None
    if side := NAMES.get(plain):
        return side, None
    bracketed = re.fullmatch(r"(.+?)\s*[(\[（【](.+?)[)\]）】]", plain)
    if bracketed:
        for name, role in (bracketed.groups(), bracketed.groups()[::-1]):
            if side := NAMES.get(role.strip()):
                return side, name.strip()
        return None
    for word in LONGEST_FIRST:
        rest = plain.removeprefix(word)
        if rest == plain:
            continue
        # An English word must end where it ends; a Chinese label may go on with a name.
        if not word.isascii() or not rest[0].isalpha():
            return NAMES[word], rest.strip(" :#.-") or None
    return None

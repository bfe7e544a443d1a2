"""Who speaks, by the label that stands before a turn or in its column."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from apps.customer_service.importing.schema import Speaker
from common.errors import UserError

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
        "店家",
        "店主",
        "小二",
    ),
    *("店小二", "工作人员", "客服专员", "人工"),
    # These begin with whom they serve.
    *(
        "customer care",
        "customer success",
        "customer relations",
        "client service",
        "client advisor",
    ),
    *("client services", "client support", "user support", "member service", "member services"),
    *("contact center", "contact centre", "customer services"),
    *("客户经理", "客户服务", "客户支持", "客户代表", "客户顾问", "用户服务", "会员服务"),
)
OTHER = (
    *("support bot", "service bot", "assistant bot", "客服机器人"),
    *("bot", "chatbot", "robot", "system", "action", "automation", "automated", "agent bot"),
    *(
        "agentbot",
        "activity",
        "note",
        "tool",
        "function",
        "developer",
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
Side = tuple[Speaker, str | None]
# Behind a name in a chat app's export: 张三(12345678), Bob <bob@shop.example>
ACCOUNT = re.compile(r"\s*[(（<](?:\d{4,}|[^()（）<>]*@[^()（）<>]*)[)）>]$")
MOST_TOLD = 12
# The same few stand in front of all that is said.
LABELS_KEPT = 10_000
SEPARATORS = re.compile(r"[\s_\-]+")
LONGEST_LABEL = 30


@lru_cache(maxsize=LABELS_KEPT)
def speaker_of(label: str) -> Side | None:
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


@lru_cache(maxsize=LABELS_KEPT)
def name_of(label: str) -> str:
    """A label without the number or the address of the account."""
    return ACCOUNT.sub("", label.strip())


def unknown(label: str) -> str:
    """Why a dialogue is not taken."""
    return f"who speaks is not known: {label!r}; --agents NAME says who answers"


def told(names: Iterable[str]) -> str:
    """Names in a line; of many, the first."""
    every = list(dict.fromkeys(names))
    more = f" and {len(every) - MOST_TOLD} others" if len(every) > MOST_TOLD else ""
    return ", ".join(every[:MOST_TOLD]) + more


class Sides:
    """On which side those are who speak: by the usual labels, and by the names of the agents.

    Args:
        agents: who answers; then everybody else asks.
    """

    def __init__(self, agents: Iterable[str] = ()) -> None:
        self._agents = {_folded(name): name for name in agents}
        self._seen: set[str] = set()
        self._others: dict[str, None] = {}

    def of(self, label: str) -> Side | None:
        """The side of a label, and who of the agents it is; None where it is not known."""
        name = name_of(label)
        if self.names(label):
            self._seen.add(_folded(name))
            return "agent", name
        side = speaker_of(label)
        if side is not None and side[0] == "agent" and side[1]:
            self._seen.add(_folded(side[1]))
        if side is None and name and self._agents:
            self._others[name] = None
            return "customer", None
        return side

    def names(self, label: str) -> bool:
        """Whether a label is one of the agents that were given."""
        return bool(self._agents) and _folded(name_of(label)) in self._agents

    def check(self) -> None:
        """See that every agent that was given said something.

        Raises:
            UserError: one did not.
        """
        missing = [name for key, name in self._agents.items() if key not in self._seen]
        if missing:
            heard = f"These speak: {told(self._others)}" if self._others else None
            raise UserError(f"--agents: nobody called {told(missing)} speaks", hint=heard)


def _folded(name: str) -> str:
    return SEPARATORS.sub(" ", name.strip()).casefold()

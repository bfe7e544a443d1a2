"""Which of a file's columns each field is read from."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Collection, Mapping

# What people call our fields, most usual first; compared without case, spaces and punctuation.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "question": ("query", "utterance", "text", "sentence", "问题", "提问", "标准问题", "用户问题"),
    "similar_questions": ("variants", "similar", "相似问题", "相似问", "相似问法"),
    "answer": ("reply", "response", "答案", "回答", "答复"),
    "faq_id": ("faq", "answer id", "问题编号"),
    "intent": ("label", "category", "class", "意图", "类别", "分类"),
    "language": ("lang", "语言", "语种"),
    "tags": ("tag", "keywords", "genres", "标签", "关键词"),
    "url": ("link", "href", "链接", "网址"),
    "valid_from": ("from", "生效日期", "生效时间"),
    "valid_until": ("until", "expires", "失效日期", "有效期至"),
    "id": ("编号", "序号"),
    "subject": ("主语",),
    "relation": ("关系",),
    "object": ("宾语",),
    "text": ("content", "tweet", "sentence", "review", "comment", "文本", "内容", "新闻", "评论"),
    "message": (
        *("text", "content", "body", "utterance", "comment"),
        *("消息", "消息内容", "聊天内容", "内容", "话术", "文本"),
    ),
    "title": ("headline", "name", "标题", "名称", "商品名称"),
    "body": ("正文",),
    "source": ("publisher", "outlet", "来源", "媒体"),
    "sentiment": ("label", "polarity", "情感", "情绪", "倾向"),
    "topics": ("topic", "category", "话题", "主题", "类别"),
    "published_at": ("published", "date", "datetime", "time", "timestamp", "发布时间", "时间"),
    "user_id": ("user", "uid", "customer id", "reader id", "用户", "用户编号"),
    "item_id": ("item", "sku", "product id", "movie id", "asin", "商品", "商品编号"),
    "behavior": ("behaviour", "action", "event", "event type", "行为"),
    "timestamp": ("time", "datetime", "date", "ts", "时间", "时间戳"),
    "rating": ("stars", "评分"),
    "weight": ("权重",),
    "description": ("summary", "abstract", "描述", "简介"),
    "category": ("类别", "分类", "品类"),
    "price": ("价格", "单价"),
    "margin": ("gross profit", "毛利", "毛利额"),
    "created_at": ("created", "上架时间", "创建时间"),
    "available": ("in stock", "在售"),
    "stock": ("stock level", "quantity in stock", "inventory", "库存", "库存数量"),
    "name": ("company", "公司", "公司名称", "名称"),
    "dialogue_id": (
        *("conversation id", "dialog id", "session id", "chat id", "ticket id", "convo id"),
        *(
            "dialogue",
            "conversation",
            "session",
            "ticket",
            "会话编号",
            "会话id",
            "对话编号",
            "对话id",
        ),
        *("会话", "对话", "工单号"),
    ),
    "speaker": (
        *("role", "sender", "author", "from", "sender type", "author type", "direction"),
        *("角色", "发送者", "发言人", "说话人", "发送方", "身份", "消息方向"),
    ),
    "said_at": (
        *("time", "timestamp", "created at", "datetime", "date", "sent at", "message time"),
        *("时间", "发送时间", "消息时间", "时间戳"),
    ),
    "agent": (
        "agent id",
        "agent name",
        "assignee",
        "operator",
        "客服",
        "坐席",
        "客服工号",
        "客服姓名",
    ),
    "customer": (
        *("customer id", "user id", "visitor id", "requester id", "contact id", "user"),
        *("客户", "用户", "用户编号", "用户id", "客户id", "客户编号", "买家"),
    ),
    "status": ("state", "resolution", "resolved", "状态", "会话状态", "是否解决"),
    "satisfaction": ("csat", "score", "rating", "满意度", "评价"),
    "aliases": ("alias", "别名", "简称"),
    "ticker": ("symbol", "代码", "股票代码"),
}
CLOSE = 0.75
# A column of texts has more than this many characters a cell.
TEXT_LENGTH = 12
TEXTS = frozenset({"question", "answer", "text", "title"})


def match_columns(
    fields: Collection[str], columns: Collection[str], mapping: Mapping[str, str]
) -> dict[str, str]:
    """The column of each field that has one; no column is read into two fields by a guess.

    What `mapping` says goes first, then a column of the field's own name, then one that differs
    in case, spaces and punctuation alone, then the field's synonyms.
    """
    found = {name: column for name, column in mapping.items() if name in fields}
    found |= {name: name for name in fields if name not in found and name in columns}
    by_key: dict[str, str] = {}
    for column in columns:
        by_key.setdefault(_key(column), column)
    for names in (lambda name: (name,), lambda name: SYNONYMS.get(name, ())):
        for name in fields:
            if name in found:
                continue
            named = (by_key.get(_key(one)) for one in names(name))
            free = [column for column in named if column and column not in found.values()]
            if free:
                found[name] = free[0]
    return found


def guessed(found: Mapping[str, str], mapping: Mapping[str, str]) -> str:
    """What was guessed, to be said: "question from 'Query', intent from 'label'"; else nothing."""
    pairs = [(n, c) for n, c in found.items() if n != c and mapping.get(n) != c]
    return ", ".join(f"{name} from {column!r}" for name, column in pairs)


def suggest(name: str, free: Mapping[str, float]) -> str | None:
    """A column that a missing field may be meant by, or None where none is plausible.

    Args:
        free: columns that no field is read from, with their mean number of characters.
    """
    keys = {_key(column): column for column in free}
    near = difflib.get_close_matches(_key(name), keys, n=1, cutoff=CLOSE)
    if near:
        return keys[near[0]]
    if name in TEXTS and free:
        longest = max(free, key=lambda column: free[column])
        return longest if free[longest] > TEXT_LENGTH else None
    return None


def _key(name: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKC", name).casefold() if c.isalnum())

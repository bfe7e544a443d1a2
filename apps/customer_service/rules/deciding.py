"""What rules decide of a message, and what that makes of its answer."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from apps.customer_service.rules.schema import AnswerRule, AnswerRules
from apps.customer_service.schema import Answer, Handoff, Intent, RankedIntent
from common.rules.rule import decided_by


@dataclass(frozen=True)
class Ruling:
    """What the rules that apply to a message come to; of two the earlier one goes first.

    Attributes:
        answer: forces an FAQ or hands over; None: the model decides.
        kept_out: FAQ that must not be given → the rule that says so.
        intent: forces the intent.
        intents_kept_out: intent that must not be named → the rule that says so.
    """

    rules: AnswerRules = field(default_factory=AnswerRules)
    answer: AnswerRule | None = None
    kept_out: Mapping[str, AnswerRule] = field(default_factory=dict)
    intent: AnswerRule | None = None
    intents_kept_out: Mapping[str, AnswerRule] = field(default_factory=dict)

    def applied(self, answer: Answer, language: str, kept_out: str | None) -> Answer:
        """The answer with its intent as ruled, its labels renamed, and the rules that decided.

        Args:
            kept_out: the FAQ that came first and was kept out, if one was.
        """
        decided = [self.answer] if self.answer else []
        if not self.answer and kept_out is not None:
            decided.append(self.kept_out[kept_out])
        intent, by = self._intent(answer.intent)
        if by is not None:
            decided.append(by)
        names = [one.name for one in (intent, *intent.alternatives)] if intent else []
        found: dict[str, object] = {
            "intent": intent,
            "decided_by": decided_by(decided),
            "shown_as": self.rules.shown_as(names, language),
        }
        is_alone = not answer.citations and not answer.suggestions and self.answer is None
        is_alone = is_alone and answer.source is None and answer.path is None
        if by is not None and is_alone and answer.kind == "question":
            # A release of intents alone: the intent is the answer.
            is_known = by.action == "force"
            found["decision"] = "answer" if is_known else "handoff"
            found["handoff"] = None if is_known else Handoff(reason="not_sure")
        return answer.model_copy(update=found)

    def _intent(self, found: Intent | None) -> tuple[Intent | None, AnswerRule | None]:
        ranked: list[RankedIntent] = [found, *found.alternatives] if found else []
        left = [one for one in ranked if one.name not in self.intents_kept_out]
        if self.intent is not None and self.intent.intent is not None:
            name = self.intent.intent
            others = [one for one in left if one.name != name]
            return _named(RankedIntent(name=name, confidence=1.0), others), self.intent
        by = self.intents_kept_out.get(found.name) if found else None
        return (_named(left[0], left[1:]) if left else None), by


def rule_on(
    rules: AnswerRules | None,
    text: str,
    *,
    language: str,
    intent: str | None,
    faqs: Collection[str],
) -> Ruling:
    """What `rules` say of a message.

    Args:
        intent: what the model takes it for.
        faqs: those that are served; a rule about another decides nothing.
    """
    if rules is None:
        return Ruling()
    applying = rules.applying(text, {"language": language, "intent": intent})
    answers = [
        rule for rule in applying
        if rule.action == "route" or (rule.action == "force" and rule.faq_id in faqs)
    ]  # fmt: skip
    forced, kept_out = _first(answers, applying, "faq_id")
    intent_forced, intents_kept_out = _first(
        [rule for rule in applying if rule.action == "force" and rule.intent], applying, "intent"
    )
    return Ruling(rules, forced, kept_out, intent_forced, intents_kept_out)


def _first(
    deciding: Sequence[AnswerRule], applying: Sequence[AnswerRule], name: str
) -> tuple[AnswerRule | None, dict[str, AnswerRule]]:
    """The first that decides what no earlier rule forbids; what is forbidden, and by which."""
    kept_out: dict[str, AnswerRule] = {}
    for rule in applying:
        value = getattr(rule, name)
        if rule.action == "forbid" and value is not None:
            kept_out.setdefault(value, rule)
        elif rule in deciding and (value is None or value not in kept_out):
            return rule, kept_out
    return None, kept_out


def _named(first: RankedIntent, others: Sequence[RankedIntent]) -> Intent:
    rest = [RankedIntent(name=one.name, confidence=one.confidence) for one in others]
    return Intent(name=first.name, confidence=first.confidence, alternatives=rest)

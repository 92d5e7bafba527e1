"""Recognise the five ways in which the algorithms develop through training (figure 3) from a member's phases.

The paper shows them as pictures, and says: convexity comes first; pudding or double-sided replaces it, and sometimes
double-sided replaces pudding; pudding appears at low prices only or at all prices; in (d), where it appears at all
prices and the KL vanishes, the assignment is random. We give the other letters in the order of that text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

CONVEXITY, PUDDING, DOUBLE_SIDED = "convexity", "pudding", "double-sided"

OUTCOMES = {
    "a": "double-sided at low prices, straight from convexity; convexity at high prices",
    "b": "pudding at low prices, convexity at high prices",
    "c": "pudding and then double-sided at low prices, convexity at high prices",
    "d": "pudding at most prices, its assignment random: no information passes the channel",
    "e": "pudding also at high prices, and information passes the channel at low ones",
    "none": "convexity at all prices, or no clear phases",
}

NO_INFORMATION = 1.0
"""The encoder passes no information if the KL is below this at every price, in nats."""
CHEAP, DEAR = slice(None, 13), slice(-6, None)
"""The prices up to 6.3e-8, and from 1e-2 on, among the 31 of a sweep."""


def name_outcome(phases: Sequence[Sequence[str]], kl: Sequence[float]) -> str:
    """The letter of an outcome, from labels [checkpoint][beta] and the final KL [beta], betas as in a sweep."""
    cheap, dear = _majority(phases[-1][CHEAP]), _majority(phases[-1][DEAR])
    if max(kl) < NO_INFORMATION:
        return "d" if _majority(phases[-1]) == PUDDING else "none"
    if dear == PUDDING:
        return "e"
    if dear != CONVEXITY:
        return "none"
    if cheap == DOUBLE_SIDED:
        return "c" if any(_majority(labels[CHEAP]) == PUDDING for labels in phases) else "a"
    return "b" if cheap == PUDDING else "none"


def _majority(labels: Sequence[str]) -> str:
    """The label of more than half; empty if there is none."""
    (label, count), *_ = Counter(labels).most_common()
    return label if 2 * count > len(labels) else ""

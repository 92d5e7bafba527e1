"""The five ways in which the three algorithms develop through training (figure 3), recognised from a member's phases.

The paper shows them as pictures and says of them: convexity comes first; it gives way to pudding or double-sided, and
pudding sometimes to double-sided; pudding comes at low prices only or at all prices; and where it comes at all prices
and the KL vanishes, which is (d), the assignment is random. The other letters are given here in the order of that text.
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
"""Below this KL, in nats, at every price, the encoder tells the decoder nothing."""
CHEAP, DEAR = slice(None, 13), slice(-6, None)
"""Of the 31 prices: up to 6.3e-8, and from 1e-2 on."""


def name_outcome(phases: Sequence[Sequence[str]], kl: Sequence[float]) -> str:
    """The letter of an outcome, from labels [checkpoint][beta] and the final KL [beta], betas as in a sweep."""
    cheap, dear = _most(phases[-1][CHEAP]), _most(phases[-1][DEAR])
    if max(kl) < NO_INFORMATION:
        return "d" if _most(phases[-1]) == PUDDING else "none"
    if dear == PUDDING:
        return "e"
    if dear != CONVEXITY:
        return "none"
    if cheap == DOUBLE_SIDED:
        return "c" if any(_most(labels[CHEAP]) == PUDDING for labels in phases) else "a"
    return "b" if cheap == PUDDING else "none"


def _most(labels: Sequence[str]) -> str:
    """The label of more than half; none otherwise."""
    (label, count), *_ = Counter(labels).most_common()
    return label if 2 * count > len(labels) else ""

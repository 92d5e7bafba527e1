"""The figures of a run, of the paper and beyond. This file imports nothing heavy."""

NAMES = {
    "algorithms": "figure 1: the algorithms found",
    "order-space": "figure 2: the space of order parameters",
    "phases": "figure 3: how the algorithms develop through training",
    "families": "the families of the networks, found without labels",
    "encoder": "figure 4: the loss with the encoder ignored",
    "sizes": "figure 5: the loss at sizes not seen in training",
    "unseen": "the loss between the sizes that one generator was trained on",
    "baseline": "figure 6: a network trained by Adam beside a generated one",
    "outcomes": "how often each outcome comes, with intervals",
    "rate": "loss against information",
    "ablation": "whose error grows when an input's strongest weight is cut",
    "shuffle": "the loss when the learned variables are shuffled",
}

"""The objective and the schedules."""

import torch

from hypergraph.rng import stream
from hypergraph.training.objective import objective
from hypergraph.training.schedule import draw_beta, learning_rate, window_top


def test_objective_is_the_log_of_loss_and_price() -> None:
    value = objective(torch.tensor([0.5]), torch.tensor([100.0]), torch.tensor([1e-2]))
    torch.testing.assert_close(value, torch.tensor([1.5]).log())


def test_the_window_of_prices_opens_and_holds_every_draw() -> None:
    assert [window_top(step, 100) for step in (0, 50, 100, 1000)] == [-11.0, -5.5, 0.0, 0.0]
    for step in (0, 50, 200):
        prices = torch.stack([draw_beta(stream(0, n), window_top(step, 100)) for n in range(300)]).log10()
        assert -12 <= prices.min() < -11.8
        assert window_top(step, 100) - 1 < prices.max() <= window_top(step, 100)


def test_the_learning_rate_rises_stays_for_half_the_steps_and_falls_to_nothing() -> None:
    rates = [learning_rate(step, 100, 2e-3) for step in range(101)]
    assert 0 < rates[0] < rates[1] < rates[2] == 2e-3
    assert rates[2:51] == [2e-3] * 49
    assert rates[50:] == sorted(set(rates[50:]), reverse=True)
    assert abs(rates[-1]) < 1e-12
    assert learning_rate(0, 1, 2e-3) == 2e-3

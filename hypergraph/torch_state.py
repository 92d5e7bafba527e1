"""The settings of torch that hold for a whole process or thread, and that change numbers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def usual_torch() -> Iterator[None]:
    """Compute with the settings that torch starts with, and give the caller's back at the end.

    So no result depends on the caller's default precision and device, on whether it computes gradients, or on its
    precision of products. It can decorate a function.
    """
    with contextlib.ExitStack() as stack:
        stack.callback(torch.set_default_dtype, torch.get_default_dtype())
        torch.set_default_dtype(torch.float32)
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for kind in filter(torch.is_autocast_enabled, ("cpu", "cuda")):
            stack.enter_context(torch.autocast(kind, enabled=False))
        if (products := _precision_of_products()) != "highest":
            stack.callback(torch.set_float32_matmul_precision, products)
            torch.set_float32_matmul_precision("highest")
        yield


@contextlib.contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let torch use this number of threads, which decides how numbers are rounded. It can decorate a function."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _precision_of_products() -> str:
    with contextlib.suppress(RuntimeError):  # torch does not tell it where it was set for single backends
        return torch.get_float32_matmul_precision()
    return "highest"

"""Networks of shared weights in several threads."""

import multiprocessing
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

from nas.nets.supernet import Supernet
from nas.spaces.load import load_space
from nas.training.supernet.train import twin


class Same(torch.autograd.Function):
    """What it is given; being of Python it holds the interpreter's lock as it looks at its input."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()


def graphs_at_once() -> None:
    """Two threads build graphs on one weight of two twins, and change places as often as can be."""
    net = Supernet(load_space("nas_bench_macro"))
    one, other = twin(net).classifier.weight, twin(net).classifier.weight
    sys.setswitchinterval(1e-6)

    def cut() -> None:
        for _ in range(20_000):
            one.narrow(0, 0, 1)

    def applied() -> None:
        for _ in range(20_000):
            Same.apply(other)

    with ThreadPoolExecutor() as pool:
        for each in (pool.submit(cut), pool.submit(applied)):
            each.result()


def test_threads_do_not_wait_for_each_other_without_end() -> None:
    process = multiprocessing.get_context("spawn").Process(target=graphs_at_once)  # with one weight it never ends
    process.start()
    process.join(120)
    process.kill()
    assert process.exitcode == 0


def test_twins_have_the_weights_in_the_same_memory_and_gradients_of_their_own() -> None:
    net = Supernet(load_space("nas_bench_macro"))
    twins = [twin(net), twin(net)]
    for each in twins:
        assert each.state_dict().keys() == net.state_dict().keys()
        assert {id(one) for one in each.parameters()}.isdisjoint(id(one) for one in net.parameters())
    (twins[0].classifier.weight.sum() + twins[0].classifier.bias.sum()).backward()
    assert net.classifier.weight.grad is twins[1].classifier.weight.grad is None
    with torch.no_grad():
        for one in net.parameters():
            one.fill_(3)
    assert all((one == 3).all() and one.requires_grad for each in twins for one in each.parameters())

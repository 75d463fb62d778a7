"""Modules that repeat each other run once, and all of them are in the trace."""

from __future__ import annotations

from typing import Any

import torch

from sdbench.predict import torch_private
from sdbench.predict.replay import replayed
from sdbench.predict.storage_log import StorageLog
from sdbench.predict.trace import Trace

MODE = torch_private.fake_mode()


class Block(torch.nn.Module):
    def __init__(self, width: int, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale
        self.linear = torch.nn.Linear(width, width)
        self.linear.weight, self.linear.bias = (
            torch.nn.Parameter(torch_private.fake_empty(MODE, shape, torch.float32), False)
            for shape in ((width, width), (width,))
        )
        self.ran: list[None] = []

    def forward(self, hidden: torch.Tensor, passed: Any = None) -> tuple[torch.Tensor, Any]:
        self.ran.append(None)
        return hidden + self.linear(hidden).relu(), passed


class Stack(torch.nn.Module):
    def __init__(self, *blocks: Block) -> None:
        super().__init__()
        self.blocks = torch.nn.ModuleList(blocks)

    def forward(self, hidden: torch.Tensor, passed: Any = None) -> torch.Tensor:
        for block in self.blocks:
            hidden, passed = block(hidden, passed)
        return hidden


def trace(stack: Stack, is_replayed: bool, passed: Any = None) -> Trace:
    log = StorageLog(MODE)
    log.begin(stack.parameters())
    log.loaded()
    models = [stack] if is_replayed else []
    with torch.no_grad(), replayed(models, log, MODE), log:
        hidden = torch_private.fake_empty(MODE, (5, 8), torch.float32) * 2
        result = stack(hidden, hidden if passed is None else passed)
        assert torch_private.is_fake(result)
        assert tuple(result.shape) == (5, 8)
        del hidden, result
    assert "forward" not in stack.__dict__
    return log.trace()


def sizes(trace: Trace) -> list[tuple[int, bool]]:
    return [(event.bytes, event.is_free) for event in trace.events]


def runs(stack: Stack) -> list[int]:
    return [len(block.ran) for block in stack.blocks]


def test_blocks_that_are_alike_run_once_and_leave_the_same_trace() -> None:
    """Regression: what a block passed on was taken for its other input, which then lived longer."""
    whole, replay = (Stack(*(Block(8) for _ in range(4))) for _ in range(2))
    expected, told = trace(whole, is_replayed=False), trace(replay, is_replayed=True)
    # what is passed on is the first block's input as well, and no other's
    assert (runs(whole), runs(replay)) == ([1, 1, 1, 1], [1, 1, 0, 0])
    assert sizes(told) == sizes(expected)
    assert told.peak_bytes == expected.peak_bytes


def test_each_storage_of_a_replay_has_its_own_number() -> None:
    told = trace(Stack(*(Block(8) for _ in range(4))), is_replayed=True)
    begun = [event.storage for event in told.events if not event.is_free]
    assert begun == sorted(set(begun))
    ended = {event.storage for event in told.events if event.is_free}
    weights = {event.storage for event in told.events if event.stage == "load"}
    assert ended == set(begun) - weights


def test_a_block_that_computes_otherwise_runs_by_itself() -> None:
    stack = Stack(Block(8), Block(8), Block(8, scale=2.0), Block(8))
    trace(stack, is_replayed=True)
    assert runs(stack) == [1, 1, 1, 0]


def test_inputs_that_nobody_can_compare_are_not_replayed() -> None:
    stack = Stack(Block(8), Block(8))
    trace(stack, is_replayed=True, passed=object())
    assert runs(stack) == [1, 1]


def test_what_a_block_keeps_is_not_replayed() -> None:
    class Keeping(Block):
        def forward(self, hidden: torch.Tensor, passed: Any = None) -> tuple[torch.Tensor, Any]:
            self.kept = hidden * 2
            return super().forward(hidden, passed)

    stack = Stack(Keeping(8), Keeping(8))
    trace(stack, is_replayed=True)
    assert runs(stack) == [1, 1]

"""What the tests of PyTorch's games of `families` share; without PyTorch, nothing."""

import contextlib
import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from experiments.benchmarks import torch_runs  # noqa: E402


def put(modules, trees):
    """Gives the modules the weights of the trees' arrays, in their own order."""
    for module, arrays in zip(modules, trees, strict=True):
        for parameter, array in zip(module.parameters(), arrays, strict=True):
            assert parameter.shape == array.shape
            parameter.data = torch.tensor(array.copy())
    return modules


def near(got, expected):
    """To 1e-4 of each number, or 1e-5 of the largest one."""
    atol = 1e-5 * np.abs(expected).max()
    np.testing.assert_allclose(got.detach(), expected, rtol=1e-4, atol=atol)


def close(parameters, arrays, *, of_largest):
    """To a share of its array's largest number.

    A bias before a norm moves nothing: what its gradient is, is rounding.
    """
    largest = max(np.abs(array).max() for array in arrays)
    for parameter, array in zip(parameters, arrays, strict=True):
        got, least = np.asarray(parameter), 1e-6 * largest
        atol = of_largest * np.abs(array).max() + least
        np.testing.assert_allclose(got, array, rtol=0, atol=atol)


def in_plain_descent(monkeypatch, *games):
    """Puts plain descent at rate 1 in place of Adam."""
    sgd = lambda work, *moved, **how: torch.optim.SGD(
        [p for module in moved for p in module.parameters()], 1.0
    )
    for module in games:
        monkeypatch.setattr(module, "adam", sgd)


def assert_step_moves(step, columns, modules, players, start, after):
    """Plays a step, and compares how the weights move with how those of jaxgan did.

    Args:
        step: PyTorch's step.
        columns: its columns.
        modules: its modules, with the weights of ``start``.
        players: for each the player's name, and a function from weights to arrays.
        start: jaxgan's state before the step.
        after: that after it.
    """
    before = [[p.detach().clone() for p in module.parameters()] for module in modules]
    step(*columns)
    for old, module, (name, to_torch) in zip(before, modules, players, strict=True):
        ends = (state.players[name].params for state in (after, start))
        expected = list(to_torch(jax.tree.map(jnp.subtract, *ends)))
        largest = max(np.abs(array).max() for array in expected)
        got = [p.detach() - o for p, o in zip(module.parameters(), old, strict=True)]
        for change, array in zip(got, expected, strict=True):
            np.testing.assert_allclose(change, array, rtol=0, atol=2e-3 * largest)


def assert_weights_move_in_bfloat16(work, way, networks, monkeypatch, *, still=()):
    """Plays a contestant, and looks at the modules that it makes.

    Args:
        work: its work.
        way: a function of `torch_runs`.
        networks: the module with its ``players``.
        monkeypatch: pytest's.
        still: the types of modules that no update moves.
    """
    made, players = [], networks.players

    def noted(work, **how):
        made.extend(players(work, **how))
        return tuple(made)

    monkeypatch.setattr(networks, "players", noted)
    work = dataclasses.replace(work, bfloat16=True)
    run = getattr(torch_runs, way)({"work": dataclasses.asdict(work), "threads": 1})
    before = [[p.detach().clone() for p in module.parameters()] for module in made]
    run(8)
    for module, old in zip(made, before, strict=True):
        for parameter, start in zip(module.parameters(), old, strict=True):
            assert torch.isfinite(parameter).all()
            assert parameter.dtype == torch.float32
            if parameter.ndim > 1:
                assert torch.equal(parameter, start) == isinstance(module, still)


@contextlib.contextmanager
def compiled_by_the_front_end(monkeypatch, *games):
    """Compiles by the compiler's front end alone, which takes no C++ compiler."""
    compile_ = functools.partial(torch.compile, backend="eager", fullgraph=True)
    for module in games:
        monkeypatch.setattr(module, "compile_", compile_)
    torch._dynamo.reset()
    try:
        yield
    finally:
        torch._dynamo.reset()


def assert_is_compiled_once(step, columns):
    step(*columns)
    with torch._dynamo.config.patch(error_on_recompile=True):
        step(*columns)

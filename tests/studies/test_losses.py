"""The study of losses and penalties in its quick form, and its claims."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.studies import losses, points, study


def test_the_quick_form_leaves_a_table_and_a_picture(tmp_path):
    config = losses.Config(quick=True, out=tmp_path)
    record = study.conduct(config, losses.run)
    (table,) = record["tables"]
    assert table["header"][1:] == ["R1 and R2"]
    assert [row[0] for row in table["rows"]] == ["minimax", "relativistic"]
    assert (tmp_path / "losses.png").stat().st_size > 0


def test_every_loss_meets_every_penalty():
    assert len(losses.LOSSES) == len(set(losses.LOSSES.values())) == 13
    terms = losses.regularisers(losses.Config())
    assert [len(term) for term in terms.values()] == [0, 1, 2, 1]
    assert losses.Config().seeds >= 32


@pytest.mark.parametrize("of", ["discriminator", "generator"])
def test_losses_chosen_by_traced_numbers_are_those_losses(of):
    """In value and gradient, and whatever the others do where they overflow."""
    r, f = jnp.array([-100.0, -1.0, 0.5, 100.0]), jnp.array([100.0, 2.0, -0.5, -100.0])

    def value_and_slopes(loss):
        half = getattr(loss, of)
        slopes = jax.grad(lambda r, f: half(r, f).sum(), (0, 1))(r, f)
        return half(r, f), *slopes

    every = [*losses.LOSSES.values()]
    chosen = lambda which: value_and_slopes(losses.one_of(every, which))
    found = jax.jit(jax.vmap(chosen))(jnp.arange(float(len(every))))
    exact = jax.jit(lambda: [value_and_slopes(loss) for loss in every])()
    for i, theirs in enumerate(exact):
        for ours, true in zip(found, theirs, strict=True):
            np.testing.assert_allclose(ours[i], true, rtol=1e-5, atol=1e-30)


@pytest.mark.parametrize(
    ("without", "with_both", "holds"),
    [([2, 2], [8, 8], [True, True]), ([8, 8], [8, 7], [False, False])],
    ids=["helps", "hurts"],
)
def test_the_claims_compare_medians(without, with_both, holds):
    names = ["hinge", "relativistic"]
    cell = lambda median: {"modes": np.array([0, median, 8])}
    found = {
        ("ring-8", name, term): cell(median)
        for term, medians in (("none", without), ("R1 and R2", with_both))
        for name, median in zip(names, medians, strict=True)
    }
    claims = losses._claims([points.ring()], found, names)
    assert [claim.holds for claim in claims] == holds

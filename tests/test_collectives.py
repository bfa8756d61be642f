"""The all-reduces of an update: how many, how large, and why."""

import jax
import numpy as np
import pytest
from jax import lax

import jaxgan
from experiments.planning import chain, collectives, report
from experiments.planning.collectives import AllReduces
from jaxgan import nets, parallel
from tests import games

HLO = """\
HloModule jit_step, is_scheduled=true

%sum (a: f32[], b: f32[]) -> f32[] {
  ROOT %add = f32[]{:T(128)} add(%a, %b)
}

%body.1 (state: (s32[], f32[8])) -> (s32[], f32[8]) {
  %norm = f32[2,64]{1,0:T(2,128)S(1)} all-reduce(%x), channel_id=1, to_apply=%sum, \
metadata={op_name="jit(step)/d_step/jvp(Net)/BatchNorm_1/psum" stack_frame_id=3}
  %inner = f32[8]{0} fusion(%norm), kind=kLoop, calls=%fused.2
}

%fused.2 (p: f32[8]) -> f32[8] {
  ROOT %deep = pred[5]{0} all-reduce(%p), to_apply=%sum
}

%condition.3 (state: (s32[], f32[8])) -> pred[] {
  ROOT %less = pred[] compare(%i, %n), direction=LT
}

ENTRY %main (p: f32[8]) -> f32[8] {
  %loop = (s32[], f32[8]{0}) while(%init), condition=%condition.3, body=%body.1
  %all = (f32[3,5]{1,0:T(8,128)S(1)}, bf16[7]{0}, /*index=2*/f32[]) all-reduce(%a), \
metadata={op_name="jit(step)/g_step/mean_over_devices/psum"}
  %grads = bf16[7]{0} get-tuple-element(%all), index=1, \
metadata={op_name="jit(step)/d_step/mean_over_devices/psum"}
  %loss = f32[] get-tuple-element(%all), index=2, \
metadata={op_name="jit(step)/d_step/mean_over_devices/psum"}
  %stats = f32[3,5]{1,0} get-tuple-element(%all), index=0, \
metadata={op_name="jit(step)/g_step/transpose(jvp(Net))/Net._norm/BatchNorm_0/psum"}
  %start = (f32[10]{0}, f32[10]{0}) all-reduce-start(%c, %d), to_apply=%sum
  %done = (f32[10]{0}, f32[10]{0}) all-reduce-done(%start)
  ROOT %c2 = f32[10]{0} get-tuple-element(%done), index=0, \
metadata={op_name="jit(step)/d_step/jvp(Net)/BatchNorm_0/psum"}
}
"""
FORWARD = ("D-update: BatchNorm of Net, forward",)
MERGED = (
    "D-update: gradients, running statistics, metrics",
    "G-update: BatchNorm of Net, backward",
)


@pytest.mark.parametrize("trips", [1, 3])
def test_all_reduces_are_counted_and_told_apart(trips):
    assert collectives.all_reduces(HLO, trips=trips) == [
        AllReduces(reasons=FORWARD, calls=trips + 1, payload=trips * 4 * 128 + 4 * 20),
        AllReduces(reasons=("unknown",), calls=trips, payload=trips * 5),
        AllReduces(reasons=MERGED, calls=1, payload=4 * 15 + 2 * 7 + 4),
    ]
    assert collectives.loops(HLO) == 1


def test_all_reduces_refuses_what_it_cannot_price():
    line = "  %y = f32[8]{0} all-gather(%x), dimensions={0}"
    with pytest.raises(ValueError, match="all-gather"):
        collectives.all_reduces(line)


@pytest.mark.parametrize(
    ("op_name", "said"),
    [
        ("jit(step)/d_step/jvp(Net)/psum", "D-update: Net, forward"),
        ("jit(step)/jvp(Net)/Norm_2/psum", "Norm of Net, forward"),
        ("jit(step)/g_step/psum", "G-update: jit(step)/g_step/psum"),
    ],
    ids=["the network's own", "outside an update", "outside a network"],
)
def test_other_reasons_are_named_too(op_name, said):
    assert collectives.reason(op_name) == said


def test_the_report_joins_what_was_merged_and_counts_it_once():
    found = [
        AllReduces(reasons=FORWARD, calls=3, payload=3072),
        AllReduces(reasons=MERGED, calls=2, payload=2_500_000).times(2),
    ]
    text = report.all_reduces(found, 6)
    title, _, forward, merged, also, calls, least = text.splitlines()
    assert "All-reduces" in title
    assert forward.split() == [*FORWARD[0].split(), "3", "3.07", "kB"]
    assert merged.split() == [*MERGED[0].split(), "4", "5", "MB"]
    assert also.split() == ["and", *MERGED[1].split()]
    assert calls == "7 calls: 7 of the D-update, 4 of the G-update, 4 of them of both."
    assert least.startswith("At least 6 ")


def test_the_longest_chain_is_that_before_an_output():
    one = lambda x: lax.psum(x, "i")

    def step(x, y):
        unused = one(one(one(one(x))))
        x = jax.jit(lambda x: one(x) + 1)(x)
        x, _ = lax.scan(lambda x, z: (one(x) + z, unused), x, y)
        return one(x), one(y)

    jaxpr = jax.make_jaxpr(step, axis_env=[("i", 2)])(1.0, np.ones(1, np.float32))
    assert chain.longest_chain(jaxpr) == 3


PLAIN = nets.dcgan.Discriminator(width=4, batch_norm=False)


@pytest.mark.parametrize("make", [jaxgan.make_d_step, jaxgan.make_g_step])
@pytest.mark.parametrize(
    ("gan", "g_layers", "d_layers"),
    [
        (games.mlp(), 0, 0),
        (games.dcgan(), 2, 1),
        (games.dcgan(discriminator=PLAIN), 2, 0),
    ],
    ids=["mlp", "dcgan", "no batch norm in D"],
)
def test_an_update_makes_one_all_reduce_and_those_of_batch_norm(
    make, gan, g_layers, d_layers
):
    """Forward and, but for the generator in a D-update, backward; `jaxgan.parallel`."""
    of_generator = g_layers if make is jaxgan.make_d_step else 2 * g_layers
    expected = of_generator + 2 * d_layers + 1
    mesh = jax.sharding.Mesh(np.array(jax.devices()), (parallel.AXIS,))
    step = parallel.shard(make(gan, axis_name=parallel.AXIS), mesh)
    traced = jax.jit(step).trace(games.init(gan), games.batch(), games.KEY)
    found = collectives.all_reduces(traced.lower().compile().as_text())
    assert sum(alike.calls for alike in found) == expected
    assert chain.longest_chain(traced.jaxpr) == expected

    update = "D-update" if make is jaxgan.make_d_step else "G-update"
    reasons = {reason for alike in found for reason in alike.reasons}
    said = {f"{update}: gradients, running statistics, metrics"}
    if g_layers:
        said.add(f"{update}: BatchNorm of Generator, forward")
        if update == "G-update":
            said.add(f"{update}: BatchNorm of Generator, backward")
    if d_layers:
        said.add(f"{update}: BatchNorm of Discriminator, forward")
        said.add(f"{update}: BatchNorm of Discriminator, backward")
    assert reasons == said

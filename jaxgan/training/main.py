"""An experiment's command line: from flags to result.json and report.html."""

import errno
import json
import signal
import sys
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NoReturn

import jax
import jax.numpy as jnp
import numpy as np
import tyro

import jaxgan.data
from jaxgan import compiled, processes, report
from jaxgan.checkpoint import CheckpointError, Checkpoints, digest
from jaxgan.checks import InputError
from jaxgan.data import DataSet
from jaxgan.files import write_json
from jaxgan.game import GameState, init
from jaxgan.gan import GAN, make_d_step, make_g_step
from jaxgan.training import alarm
from jaxgan.training import workdir as directory
from jaxgan.training.best import Best
from jaxgan.training.config import PLACES, TrainConfig, check_data, identity, resolve
from jaxgan.training.evaluation import evaluate
from jaxgan.training.loop import NonFiniteError, train
from jaxgan.training.signals import Stopped

MakeGAN = Callable[[Any, DataSet], GAN]

EXIT_BAD_INPUT = 2
EXIT_NON_FINITE = 3
EXIT_NOT_WRITTEN = 4
EXIT_PEER_LOST = 5
EXIT_SIGNAL = 128  # plus the signal's number, as shells do: 130 SIGINT, 143 SIGTERM
_CANNOT_WRITE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}


def main(config_class: type[TrainConfig], make_gan: MakeGAN) -> None:
    """Runs an experiment as its command line says.

    Exits with 0 when done; 2 for input that cannot be used; 3 when a metric became
    non-finite; 4 when files could not be written; 5 when another process of the run was
    lost; 130 and 143 when stopped by SIGINT and SIGTERM. The message says what to do.
    """
    name = config_class.experiment
    config = tyro.cli(
        config_class,
        prog=f"python -m experiments.{name}",
        description=sys.modules[config_class.__module__].__doc__,
    )
    warnings.showwarning = _show_warning
    compiled.keep(config.data_dir.expanduser().absolute() / "compiled")
    try:
        place = (config.coordinator, config.processes, config.process)
        if config.distributed or any(part is not None for part in place):
            processes.join(*place)
        with processes.losing_peers():
            run(config, make_gan)
    except InputError as error:
        _exit(f"error: {error}", EXIT_BAD_INPUT)
    except NonFiniteError as error:
        _exit(f"stopped: {error}", EXIT_NON_FINITE)
    except CheckpointError as error:
        _exit(f"stopped: {error}", EXIT_NOT_WRITTEN)
    except OSError as error:
        if error.errno not in _CANNOT_WRITE:
            raise
        _exit(
            f"stopped: {error.filename or 'a file'} could not be written: "
            f"{error.strerror}. Checkpoints are kept; make room, and the same command "
            "continues from the last one.",
            EXIT_NOT_WRITTEN,
        )
    except processes.PeerLostError as error:
        _exit(f"stopped: {error}", EXIT_PEER_LOST)
    except Stopped as stop:
        _exit(f"\n{stop}", EXIT_SIGNAL + stop.signal)
    except KeyboardInterrupt:
        _exit(
            "\ninterrupted; the same command continues from the last checkpoint.",
            EXIT_SIGNAL + signal.SIGINT,
        )


def _exit(message: str, code: int) -> NoReturn:
    print(message, file=sys.stderr)
    processes.leave(code)


def _show_warning(message, category, filename, lineno, file=None, line=None) -> None:
    """Without the place in the code, which says nothing to who runs an experiment."""
    print(f"warning: {message}", file=file or sys.stderr)


def run(config: TrainConfig, make_gan: MakeGAN) -> dict[str, Any] | None:
    """Trains and judges; continues what its workdir holds of the same run.

    With several processes all of them call it, and their workdir is one folder.

    Returns:
        What result.json holds; None for a dry run.

    Raises:
        InputError: if the config, the data or the workdir cannot be used.
        NonFiniteError: if a metric became infinite or NaN.
        Stopped: by SIGTERM or SIGINT; the state is saved.
        CheckpointError: if a checkpoint could not be written.
        PeerLostError: if another process has ended.
    """
    config = resolve(config.with_defaults())
    if processes.is_first():
        places = {name: str(getattr(config, name)) for name in PLACES}
        shown = {"experiment": config.experiment, **identity(config), **places}
        print(json.dumps(shown, indent=2))
    data = jaxgan.data.load(
        config.dataset,
        data_dir=config.data_dir,
        manual_dir=config.manual_dir,
        resolution=config.resolution,
        crop=config.crop,
        channels=config.channels,
    )
    check_data(config, data)
    gan = make_gan(config, data)
    key = jax.random.key(config.seed)
    state = init(gan, key, _first_batch(data, 1))
    if config.dry_run:
        if processes.is_first():
            print(_dry_run(gan, state, data, config))
        return None
    path = config.workdir
    assert path is not None  # resolve made it explicit
    with ExitStack() as stack:
        claim = directory.claim(config, path, data.fingerprint)
        result = processes.first_decides(
            lambda: stack.enter_context(claim) or directory.read_result(path)
        )
        directory.check_shared(path)
        finished = result is not None
        if not finished:
            result = _train_and_judge(gan, config, data, state, key, path)
        if processes.is_first():
            if finished:
                print(f"This run is finished; nothing was done again in {path}.")
            else:
                write_json(path / "result.json", result)
            report.write(path)
            _print_summary(path, result)
    processes.check_same(result["digest"])
    return result


def _train_and_judge(gan, config, data, state, key, path: Path) -> dict[str, Any]:
    with ExitStack() as stack:
        checkpoints = stack.enter_context(Checkpoints(path / "checkpoints"))
        best = None
        if config.evaluate_every is not None:
            best = stack.enter_context(Best(path, state))
        notes = None
        if checkpoints.latest is not None:
            state, notes = checkpoints.restore(state)
            if processes.is_first():
                print(f"Continuing from the checkpoint of step {int(state.step)}.")
        state = train(
            gan, config, data, state, key, checkpoints, notes=notes, best=best
        )
    rows = processes.first_decides(lambda: directory.read_metrics(path))
    return {
        "steps": int(state.step),
        "images": int(state.images),
        "seconds": rows[-1]["seconds"],
        "evaluation": evaluate(gan, state, data, key),
        "warnings": alarm.history(gan, rows, config.steps),
        **({} if best is None else {"best": best.found}),
        "digest": digest(state),
    }


def _first_batch(data: DataSet, count: int) -> dict[str, jax.Array]:
    return jax.tree.map(jnp.asarray, data.train.batch(np.arange(count)))


def _dry_run(gan: GAN, state: GameState, data: DataSet, config: TrainConfig) -> str:
    batch = _first_batch(data, config.batch_size)
    key = jax.random.key(config.seed)
    flops, moved = 0.0, 0.0
    for make_step, times in ((make_d_step, config.d_steps), (make_g_step, 1)):
        compiled = jax.jit(make_step(gan)).lower(state, batch, key).compile()
        cost: Any = compiled.cost_analysis()
        flops += times * cost["flops"]
        moved += times * cost["bytes accessed"]
    count = lambda tree: sum(leaf.size for leaf in jax.tree.leaves(tree))
    lines = (
        *(
            f"{name + ':':15} {count(state.players[name].params):,} parameters"
            for name in gan.players
        ),
        f"data:           {len(data.train.images):,} training images of "
        f"{data.train.images.shape[1:]}, {len(data.test.images):,} held out",
        f"one train step: {flops:.3g} FLOPs, {moved:.3g} bytes moved, for the whole "
        "batch, by the compiler's estimate",
        f"the run:        {config.steps:,} steps, "
        f"{config.steps * config.batch_size / len(data.train.images):.1f} epochs of "
        "generator updates",
        "dry run: no workdir was made",
    )
    return "\n".join(lines)


def _print_summary(path: Path, result: dict[str, Any]) -> None:
    evaluation = result["evaluation"]
    two_sample = evaluation["two_sample"]
    print(
        f"1-NN two-sample accuracy against test images: {two_sample['accuracy']:.3f} "
        f"for samples, {two_sample['reference_train_against_test']:.3f} for training "
        "images drawn at random, "
        f"{two_sample['reference_first_train_against_first_test']:.3f} for the first "
        "training images"
    )
    if "classes" in evaluation:
        shares = evaluation["classes"]["shares"].items()
        listed = ", ".join(f"{name} {share:.1%}" for name, share in shares)
        print(f"classes of {evaluation['classes']['samples']} samples: {listed}")
    if "condition" in evaluation:
        share = evaluation["condition"]["share_of_class_asked_for"]
        print(f"samples in the class asked for: {share:.1%}")
    for found in result.get("warnings", {}).values():
        print(
            f"warning, steps {found['from_step']} to {found['to_step']}: "
            f"{found['warning']}"
        )
    print(f"pictures: {path / 'samples.png'}")
    print(f"report:   {path / 'report.html'}")
    print(f"digest:   {result['digest']}")

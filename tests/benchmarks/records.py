"""Plans and records of the accelerator's benchmark, for its tests."""

from experiments.benchmarks.accelerator import plan, targets

FACTS = {
    "platform": "gpu",
    "card": "NVIDIA Test 9",
    "driver": "1.2",
    "versions": {"jax": "0.11"},
    "torch": None,
    "git_revision": "0123456789",
}


def make(platform="cpu", *, quick=True, seconds=120.0, torch=False, **how):
    how = {"cores": 2, "cache": "/nowhere", "earlier": {}, **how}
    return plan.Plan(
        platform=platform, quick=quick, seconds=seconds, torch=torch, **how
    )


def check(parts, holds=None):
    return {
        "status": "done",
        "why": None,
        "seconds": 1.0,
        "holds": holds,
        "parts": parts,
    }


def full_record():
    """What a GPU's record may look like."""
    middle = lambda value: {"median": value, "low": value / 2, "high": value * 2}
    line = {"steps_per_second": middle(100.0), "of_roofline": 0.4, "peak_mib": 10.0}
    line["first_step_seconds"] = 9.0
    raced = {
        "work": "64x64x3",
        "best": "jaxgan_bf16",
        "best_torch": "torch_compile_bf16",
        "against_torch": middle(1.6),
        "contestants": {"jaxgan_bf16": line},
    }
    digest = {"repeats": False, "continues": False, "holds": False, "steps": 300}
    good = {"error": 1e-6, "bound": 1e-4, "worst": "x", "holds": True}
    forms = {
        form + suffix: {"steps_per_second": middle(1e3)}
        for form in ("traced length", "static scan")
        for suffix in ("", ", no command buffers")
    }
    forms["static scan"] = {"steps_per_second": middle(2e3)}
    populations = {f"ring x {n}": {"cost_of_a_member": middle(0.1)} for n in (1, 1024)}
    parts = {
        "right": {"losses": good, "mlp, highest": good, "mlp, default": good},
        "exact": {"default": {**digest, "work": "32x32x3"}},
        "ceilings": {"default": {**middle(300.0), "unit": "TFLOP/s"}},
        "loop": {name: {"forms": forms} for name in ("ring", "mlp", "dcgan")},
        "race": {"PyTorch": {"present": True}, **dict.fromkeys(plan.RACED, raced)},
        "population": {**populations, "population_64": raced},
        "input": {"resident": {"share_of_a_step": middle(0.01)}},
    }
    found = {name: check(each) for name, each in parts.items()}
    found["right"]["holds"], found["exact"]["holds"] = True, False
    return {
        "machine": FACTS,
        "quick": False,
        "checks": found,
        "targets": targets.judge(parts),
    }

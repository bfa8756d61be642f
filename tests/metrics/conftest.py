"""torch-fidelity, the cross-check of several metrics, without torchvision."""

import importlib
import sys
import types
from importlib.util import find_spec

import pytest


def _torchvision() -> dict[str, types.ModuleType]:
    """What torch-fidelity looks up when it is imported, and nothing that works."""
    names = ("", ".datasets", ".transforms", ".transforms.functional")
    stubs = {
        f"torchvision{name}": types.ModuleType(f"torchvision{name}") for name in names
    }
    for name in ("CIFAR10", "CIFAR100", "STL10"):
        setattr(stubs["torchvision.datasets"], name, type(name, (), {}))
    stubs["torchvision"].transforms = stubs["torchvision.transforms"]
    stubs["torchvision.transforms"].functional = stubs[
        "torchvision.transforms.functional"
    ]
    return stubs


@pytest.fixture
def torch_fidelity():
    """Imports a module of torch-fidelity by name; skips where there is no package.

    It needs torchvision for data sets and networks, of which no test here makes use,
    and torchvision's usual build brings gigabytes of CUDA. Where it is missing, a stub
    is there for the test, and it goes with all that was imported beside it.
    """
    for package in ("torch", "torch_fidelity"):
        if find_spec(package) is None:
            pytest.skip(f"needs {package}")
    stubs = {} if find_spec("torchvision") else _torchvision()
    sys.modules.update(stubs)
    yield lambda name: importlib.import_module(f"torch_fidelity.{name}")
    if stubs:
        for name in list(sys.modules):
            if name.partition(".")[0] in ("torchvision", "torch_fidelity"):
                del sys.modules[name]

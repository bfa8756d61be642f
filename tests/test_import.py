"""`import jaxgan` is light: what data, pictures and commands need comes when used."""

import subprocess
import sys

HEAVY = {
    *("PIL", "array_record", "grain", "jinja2", "matplotlib", "orbax", "requests"),
    *("scipy", "sklearn", "tensorboardX", "tensorflow", "tensorflow_datasets"),
    *("torch", "tqdm", "tyro"),
}
LOADED = """
import sys
sys.path.insert(0, "")
import jaxgan
print(*{name.partition(".")[0] for name in sys.modules})
"""


def test_importing_the_library_loads_nothing_heavy():
    command = [sys.executable, "-W", "error", "-c", LOADED]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert {"jaxgan", "jax", "flax"} <= loaded
    assert not loaded & HEAVY

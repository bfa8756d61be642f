"""Checks that a wheel and an sdist hold what git tracks of them, and nothing else.

python .ci/distributions.py FOLDER
"""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

# What the sdist leaves out of the checkout, and what the builder adds to it.
LEFT_OUT = {".ci", ".github", ".pre-commit-config.yaml"}
ADDED = {"PKG-INFO"}


def tracked() -> set[str]:
    """All that git tracks here."""
    done = subprocess.run(
        ["git", "ls-files"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines())


def top(name: str) -> str:
    """The first part of a path."""
    return PurePosixPath(name).parts[0]


def of_wheel(path: Path) -> set[str]:
    """The files but the metadata, which are checked here."""
    names = set(zipfile.ZipFile(path).namelist())
    metadata = {name for name in names if top(name).endswith(".dist-info")}
    (folder,) = {top(name) for name in metadata}
    assert f"{folder}/licenses/LICENSE" in metadata, sorted(metadata)
    return names - metadata


def of_sdist(path: Path) -> set[str]:
    """The files within the one folder that all are in."""
    with tarfile.open(path) as archive:
        names = [m.name for m in archive.getmembers() if not m.isdir()]
    (_,) = {top(name) for name in names}
    return {str(PurePosixPath(*PurePosixPath(name).parts[1:])) for name in names}


def check(path: Path, found: set[str], expected: set[str]) -> None:
    """Ends the program where the two sets differ, and says in what."""
    if found != expected:
        missing, stray = sorted(expected - found), sorted(found - expected)
        sys.exit(f"error: {path.name} lacks {missing} and should not hold {stray}")
    print(f"{path.name}: {len(found)} files, {path.stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    (wheel,) = Path(sys.argv[1]).glob("*.whl")
    (sdist,) = Path(sys.argv[1]).glob("*.tar.gz")
    files = tracked()
    check(wheel, of_wheel(wheel), {name for name in files if top(name) == "jaxgan"})
    kept = {name for name in files if top(name) not in LEFT_OUT}
    check(sdist, of_sdist(sdist), kept | ADDED)

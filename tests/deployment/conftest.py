from pathlib import Path

import pytest

from tests.deployment.image import Image


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    return Image(tmp_path_factory.mktemp("image") / "root")


@pytest.fixture(scope="session")
def simulator_image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    return Image(tmp_path_factory.mktemp("image") / "root", "simulator")


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder to be the whole PATH of a script: what it may find, and nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("cat", "env", "touch"):
        (folder / name).symlink_to(f"/usr/bin/{name}" if Path(f"/usr/bin/{name}").exists() else f"/bin/{name}")
    return folder


def program(folder: Path, name: str, does: str = "exit 0") -> Path:
    """Put a program there."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{does}\n")
    path.chmod(0o755)
    return path

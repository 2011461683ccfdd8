"""One demo town, and the files that it would have, for all tests of the demo."""

from pathlib import Path

import pytest

from cwmap.demo import DemoTown, make, write_files


@pytest.fixture(scope="package")
def town() -> DemoTown:
    return make(reports=20_000)


@pytest.fixture(scope="package")
def files(town: DemoTown, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    assert all(path.stat().st_size > 0 for path in write_files(town, folder))
    return folder

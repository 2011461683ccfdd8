"""Where the files beside the packages lie: norms, the demo's sources, the dashboard's pages."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parent


def shipped(name: str) -> Path:
    """The path of a file or folder that comes with cwmap, such as `data/norms` or `app.py`.

    `name` is its path in a checkout, with forward slashes. In a checkout that very file is meant,
    in an installed wheel its copy under `cwmap/_shipped`. Raises FileNotFoundError if it is in
    neither, which means a broken installation.
    """
    # Only a checkout has the project file; site-packages may hold anything else of that name.
    in_checkout = (_CHECKOUT / "pyproject.toml").is_file()
    path = (_CHECKOUT if in_checkout else _PACKAGE / "_shipped") / name
    if not path.exists():
        raise FileNotFoundError(path)
    return path

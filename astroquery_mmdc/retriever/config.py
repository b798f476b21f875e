"""Configuration files in YAML: finding, reading and writing them, and handing out their parts.

Nothing that was read is kept: a file is read anew for each object, so that no value of one
project can get into another.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from astroquery_mmdc._files import write_atomic
from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever import paths
from astroquery_mmdc.retriever.jsonable import plain
from astroquery_mmdc.retriever.secrets import without_secrets

__all__ = [
    "find_config",
    "import_class",
    "load_config",
    "pick",
    "read_config",
    "route",
    "save_config",
    "section",
]

_ENDINGS = (".yaml", ".yml", ".cfg")


def find_config(name: str | Path) -> Path:
    """Return the path of a configuration file.

    Parameters
    ----------
    name : str or path-like
        An absolute path, or a name in the folder of configurations. The ending may be left out;
        upper and lower case do not matter.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    """
    wanted = Path(name).expanduser()
    folder = wanted.parent if wanted.is_absolute() else paths.configs_folder() / wanted.parent
    names = [wanted.name.lower() + ending for ending in ("", *_ENDINGS)]
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    by_name = {path.name.lower(): path for path in reversed(files) if path.is_file()}
    for candidate in [wanted.name, *names]:
        exact = folder / candidate
        if exact.is_file() or candidate in by_name:
            return exact if exact.is_file() else by_name[candidate]
    msg = (
        f"cfg_file: there is no {wanted.name!r} in {folder}; give an absolute path, "
        "or cfg_file=False to do without"
    )
    raise FileNotFoundError(msg)


def load_config(file: str | Path | bool | None, project: str | None) -> dict[str, Any] | None:
    """Return the content of the configuration file of an object.

    Parameters
    ----------
    file : str, path-like, bool or None
        A file, which has to exist; None for that of the project, if it exists; False for none.
    project : str or None
        Name of the project.

    Returns
    -------
    dict or None
        None where there is no file.
    """
    if file is False or (file is None and not project):
        return None
    if file is not None and file is not True:
        return read_config(find_config(file))
    try:
        return read_config(find_config(str(project)))
    except FileNotFoundError:
        if file is True:
            raise
        return None


def read_config(path: Path) -> dict[str, Any]:
    """Return the content of a YAML file, which has to be a mapping."""
    import yaml  # type: ignore[import-untyped]

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as err:
        msg = f"cfg_file: {path} is no YAML ({_where(err)}); correct it there"
        raise InvalidRequestError(msg, parameter="cfg_file") from err
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        msg = f"cfg_file: {path} holds a {type(content).__name__}; write names and values"
        raise InvalidRequestError(msg, parameter="cfg_file")
    return {str(key): value for key, value in content.items()}


def _where(error: Exception) -> str:
    """Return what is wrong and the line, without the text of the line: it may be a password."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or type(error).__name__
    return f"{problem}, line {mark.line + 1}" if mark else str(problem)


def save_config(path: str | Path, content: Mapping[str, Any]) -> Path:
    """Write a mapping as YAML, completely or not at all, without the secrets in it."""
    import yaml

    text = yaml.safe_dump(plain(without_secrets(content)), sort_keys=True, allow_unicode=True)
    return write_atomic(path, text)


def section(
    content: Mapping[str, Any], key: str | None, *, is_required: bool = False
) -> Mapping[str, Any]:
    """Return what a file holds below a key, in any case; an empty mapping if it has none."""
    if key is None:
        return content
    found = pick(content, key)
    if found is None and is_required:
        msg = f"cfg_key: the file has no key {key!r}; it has {sorted(content)}"
        raise InvalidRequestError(msg, parameter="cfg_key")
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        msg = f"{key}: the file holds a {type(found).__name__} there; write names and values"
        raise InvalidRequestError(msg, parameter="cfg_file")
    return found


def pick(values: Mapping[str, Any], key: str) -> Any:
    """Return the value of a key in any case, None if there is none."""
    return next((item for name, item in values.items() if str(name).lower() == key.lower()), None)


def route(
    values: Mapping[str, Any], own: Iterable[str], owners: Mapping[str, Iterable[str]]
) -> dict[str, Any]:
    """Move values to the sub-object that owns the parameter.

    Parameters
    ----------
    values : mapping
        Keywords of an object, for example ``{"snr_threshold": 8.5}``.
    own : iterable of str
        Names of the parameters of the object itself, which come first.
    owners : mapping
        Name of a parameter with keywords of a sub-object, such as ``"finder_kwargs"``, to the
        names of the parameters of that sub-object.

    Returns
    -------
    dict
        The values, those of sub-objects inside of their keywords. What nobody owns stays.

    Raises
    ------
    ValueError
        Several sub-objects have a parameter of that name.

    Examples
    --------
    >>> route({"snr_threshold": 8.5}, ["num_injections"], {"finder_kwargs": ["snr_threshold"]})
    {'finder_kwargs': {'snr_threshold': 8.5}}
    """
    owned = set(own) | set(owners)
    tables = {key: set(names) for key, names in owners.items()}
    routed: dict[str, Any] = {}
    inner: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        homes = [] if name in owned else [key for key, names in tables.items() if name in names]
        if len(homes) > 1:
            msg = f"{name}: it belongs to {homes}; write it inside of one of them"
            raise ValueError(msg)
        if homes:
            inner.setdefault(homes[0], {})[name] = value
        else:
            routed[name] = value
    # What is written inside of the keywords is the more explicit one.
    return {**routed, **{key: {**found, **routed.get(key, {})} for key, found in inner.items()}}


def import_class(module: str, name: str, *, parameter: str) -> type:
    """Return a class of a user's module.

    Parameters
    ----------
    module : str
        Path of import, for example ``"extensions.my_analysis"``; ``"src.finder"``, as older
        configurations have it, is the module of that name here.
    name : str
        Name of the class.
    parameter : str
        Which parameter asks for it, for error messages.
    """
    if module.startswith("src."):
        module = __package__ + module.removeprefix("src")
    try:
        found = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as err:
        msg = f"{parameter}: module {module!r} cannot be imported ({err}); is it on the path?"
        raise InvalidRequestError(msg, parameter=parameter) from err
    except AttributeError as err:
        msg = f"{parameter}: module {module!r} has no class {name!r}"
        raise InvalidRequestError(msg, parameter=parameter) from err
    if not isinstance(found, type):
        msg = f"{parameter}: {name!r} of module {module!r} is no class"
        raise InvalidRequestError(msg, parameter=parameter)
    return found

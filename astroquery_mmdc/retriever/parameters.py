"""`Parameters`: typed and documented settings of an object, from keywords and from a file."""

from __future__ import annotations

import copy
import hashlib
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from astroquery_mmdc.retriever import config, parameter_types
from astroquery_mmdc.retriever.jsonable import dumps
from astroquery_mmdc.retriever.parameter_types import HelpText, Parameter
from astroquery_mmdc.retriever.secrets import Secrets, guarded, without_secrets

__all__ = ["HelpText", "Parameter", "Parameters"]

_log = logging.getLogger(__name__)


class _Completed(type):
    """Completes an object after the constructor of its last subclass has run.

    Only then all parameters are known, so that keywords can be told from misspellings.
    """

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        made = super().__call__(*args, **kwargs)
        made._complete()
        return made


class Parameters(metaclass=_Completed):
    """Settings of an object of the retriever.

    A subclass adds parameters with `add_par` in its constructor. When that is done, values are
    taken from, in this order: the defaults, a block of presets (`get_presets`), the configuration
    file, and the keywords.

    Parameters
    ----------
    cfg_file : str, path-like, bool or None
        Configuration file, absolute or in the folder of configurations. None looks for the one
        named after the project and does without it if there is none; False never looks.
    cfg_key : str, optional
        Key of the file under which the values are; `get_default_cfg_key` by default.
    **kwargs
        Values by name, alias or unique beginning of a name.

    Raises
    ------
    AttributeError
        There is no such parameter.
    TypeError
        A value is of a type that the parameter does not take.
    ValueError
        A beginning of a name fits several parameters.

    Examples
    --------
    >>> class ParsFlares(Parameters):
    ...     def __init__(self, **kwargs):
    ...         super().__init__(**kwargs)
    ...         self.snr_threshold = self.add_par("snr_threshold", 5.0, float, "Smallest S/N")
    >>> pars = ParsFlares(snr=8)
    >>> pars.snr_threshold
    8.0
    """

    PROPAGATED: ClassVar[tuple[str, ...]] = ("data_types", "project", "cfg_file", "verbose")
    """What an object hands on to the objects that it makes."""

    _settings: ClassVar[dict[str, Any]] = {
        "_enforce_type_checks": True,
        "_enforce_no_new_attrs": False,
        "_allow_shorthands": True,
        "_ignore_case": True,
        "_remove_underscores": False,
        "_cfg_key": None,
        "_cfg_sub_key": None,
    }

    def __init__(self, **kwargs: Any) -> None:
        state = self.__dict__
        state.update(_specs={}, _aliases={}, _found={}, **self._settings)
        state["_cfg_key"] = kwargs.pop("cfg_key", None)
        state["_cfg_sub_key"] = kwargs.pop("cfg_sub_key", None)
        state["_pending"] = kwargs
        self.add_par("project", None, (str, None), "Name of the project", critical=False)
        self.add_par(
            "cfg_file",
            None,
            (str, Path, bool, None),
            "Configuration file; None looks for that of the project, False for none",
            critical=False,
        )
        self.add_par(
            "data_types",
            ["photometry"],
            list,
            "What is retrieved",
            convert=parameter_types.as_data_types,
        )
        self.add_par("verbose", 0, int, "How much is logged, 0 for nothing", critical=False)

    # ---------------------------------------------------------------- definition

    def add_par(
        self,
        name: str,
        default: Any,
        types: Any,
        docstring: str,
        critical: bool = True,
        *,
        secret: bool = False,
        convert: Any = None,
    ) -> Any:
        """Define a parameter.

        Parameters
        ----------
        name : str
            Its name.
        default : object
            Its value unless another is given; copied for each object.
        types : type, None or a collection of them
            What it takes. A float takes integers, too.
        docstring : str
            One line for the reader.
        critical : bool, optional
            Whether results depend on it; only such parameters are part of the hash.
        secret : bool, optional
            Whether it is never written down.
        convert : callable, optional
            Turns what is given into what is kept, for example other spellings.

        Returns
        -------
        object
            Its value, so that ``self.name = self.add_par("name", ...)`` can be written.
        """
        if self._enforce_no_new_attrs:
            msg = f"{name}: {type(self).__name__} is locked; set _enforce_no_new_attrs to False"
            raise AttributeError(msg)
        types = parameter_types.as_types(types)
        spec = Parameter(name, default, types, docstring, critical, secret, convert)
        self._specs[name] = spec
        self._found.clear()
        self.__dict__[name] = self._checked(spec, copy.deepcopy(default))
        return self.__dict__[name]

    def add_alias(self, alias: str, name: str) -> None:
        """Let a parameter be known under another name as well."""
        if name not in self._specs:
            msg = f"{name}: {type(self).__name__} has no such parameter to give an alias to"
            raise AttributeError(msg)
        self._aliases[alias] = name
        self._found.clear()

    @classmethod
    def get_default_cfg_key(cls) -> str | None:
        """Return the key of the configuration file that is read, None for none."""
        return None

    @classmethod
    def names(cls) -> frozenset[str]:
        """Return the names of the parameters and their aliases."""
        made = cls(cfg_file=False)
        return frozenset({*made._specs, *made._aliases})

    @classmethod
    def partly(cls, **kwargs: Any) -> tuple[Self, dict[str, Any]]:
        """Return an object, and the keywords that it has no parameter for.

        For owners whose subclasses bring parameters of their own.
        """
        known = cls(cfg_file=False)
        mine = {name: value for name, value in kwargs.items() if known._is_keyword(name)}
        return cls(**mine), {name: kwargs[name] for name in kwargs.keys() - mine.keys()}

    def _is_keyword(self, name: str) -> bool:
        return name in ("cfg_key", "cfg_sub_key", *self._settings) or name in self

    def get_presets(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return values that come before those of file and keywords; ``values`` are these two."""
        return {}

    def _complete(self) -> None:
        given = self._named(self._pending)
        del self.__dict__["_pending"]
        stored = self._named(self._stored(given))
        self.read(self.get_presets({**stored, **given}))
        self.read(stored)
        self.read(given)
        self.__dict__["_enforce_no_new_attrs"] = True

    def _stored(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        file = given.get("cfg_file", self.cfg_file)
        project = given.get("project", self.project)
        content = config.load_config(file, project)
        if content is None:
            return {}
        key = self._cfg_key or self.get_default_cfg_key()
        section = config.section(content, key, is_required=self._cfg_key is not None)
        return self._own_part(section)

    def _own_part(self, section: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what of a section of a file is meant for this object."""
        return section

    def _named(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return values under the full names of their parameters."""
        named: dict[str, Any] = {}
        for key, value in values.items():
            name = key if key in self._settings else self._resolve(key)
            if name is None:
                raise self._no_such(key)
            if name in named:
                msg = f"{name}: it is given twice, the other time as {key!r}; give it once"
                raise ValueError(msg)
            named[name] = value
        return named

    # ---------------------------------------------------------------- values by name

    def _resolve(self, name: str) -> str | None:
        """Return the parameter that a name, an alias or a beginning means, None for none."""
        if name in self._specs:
            return name
        if name not in self._found:
            self._found[name] = parameter_types.match_name(
                name,
                {**dict(zip(self._specs, self._specs, strict=True)), **self._aliases},
                shorthands=self._allow_shorthands,
                ignore_case=self._ignore_case,
                remove_underscores=self._remove_underscores,
            )
        return self._found[name]  # type: ignore[no-any-return]

    def _no_such(self, name: str) -> AttributeError:
        known = parameter_types.suggest(name, [*self._specs, *self._aliases])
        return AttributeError(f"{name}: {type(self).__name__} has no such parameter; {known}")

    def __getattr__(self, name: str) -> Any:
        # Reached only where there is no attribute of exactly that name.
        if name.startswith("_") or "_specs" not in self.__dict__:
            raise AttributeError(name)
        found = self._resolve(name)
        if found is None:
            raise self._no_such(name)
        return self.__dict__[found]

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            if self._enforce_no_new_attrs and name not in self.__dict__:
                raise self._no_such(name)
            if name in self._settings:
                self._found.clear()
            self.__dict__[name] = value
            return
        found = name if name in self._specs else self._resolve(name)
        if found is not None:
            self.__dict__[found] = self._checked(self._specs[found], value)
        elif self._enforce_no_new_attrs:
            raise self._no_such(name)
        else:
            self.__dict__[name] = value

    def _checked(self, spec: Parameter, value: Any) -> Any:
        if spec.convert is not None:
            value = spec.convert(value)
        if spec.secret and isinstance(value, Mapping):
            value = Secrets(value)
        value = guarded(value)
        if not self._enforce_type_checks:
            return value
        return parameter_types.checked(spec.name, value, spec.types, show=not spec.secret)

    def __getitem__(self, name: str) -> Any:
        found = self._resolve(name)
        if found is None:
            raise self._no_such(name)
        return self.__dict__[found]

    def __setitem__(self, name: str, value: Any) -> None:
        setattr(self, name, value)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._resolve(name) is not None

    def __repr__(self) -> str:
        values = ", ".join(
            f"{name}={without_secrets(self.__dict__[name])!r}" for name in self._specs
        )
        return f"{type(self).__name__}({values})"

    # ---------------------------------------------------------------- many values

    def read(self, values: Mapping[str, Any]) -> None:
        """Take values, each in place of the one before."""
        for name, value in self._named(values).items():
            setattr(self, name, value)

    def update(self, values: Mapping[str, Any]) -> None:
        """Take values; dictionaries and sets are merged into those there are."""
        for name, value in self._named(values).items():
            before = self.__dict__.get(name)
            if isinstance(before, Mapping) and isinstance(value, Mapping):
                value = {**before, **value}
            elif isinstance(before, set) and not isinstance(value, str):
                value = before | set(value)
            setattr(self, name, value)

    def copy(self) -> Self:
        """Return an independent copy."""
        made = type(self).__new__(type(self))
        made.__dict__.update(copy.deepcopy(self.__dict__))
        return made

    def get_propagated(self) -> dict[str, Any]:
        """Return the values that are handed on to objects that the owner makes."""
        return {name: copy.deepcopy(self.__dict__[name]) for name in self.PROPAGATED}

    def to_dict(self, critical: bool = False, hidden: bool = False) -> dict[str, Any]:
        """Return the values by name, without secrets.

        Parameters
        ----------
        critical : bool, optional
            Only parameters that results depend on.
        hidden : bool, optional
            The settings of this object itself as well, whose names begin with ``_``.
        """
        chosen = [
            spec.name
            for spec in self._specs.values()
            if not spec.secret and (spec.critical or not critical)
        ]
        chosen += [name for name in self._settings if hidden]
        values = {name: copy.deepcopy(self.__dict__[name]) for name in chosen}
        return {name: without_secrets(value) for name, value in values.items()}

    def get_critical_pars(self) -> dict[str, Any]:
        """Return the values that results depend on."""
        return self.to_dict(critical=True)

    def get_hash(self) -> str:
        """Return the SHA-256 of the critical values: the same for equal values, in hex."""
        return hashlib.sha256(dumps(self.get_critical_pars(), canonical=True).encode()).hexdigest()

    def compare(
        self,
        other: Parameters,
        hidden: bool = False,
        critical: bool = False,
        ignore: Iterable[str] = (),
        verbose: bool = False,
    ) -> bool:
        """Return whether the values are the same as those of another object; log what differs."""
        mine, theirs = (pars.to_dict(critical, hidden) for pars in (self, other))
        names = (mine.keys() | theirs.keys()) - set(ignore)
        different = sorted(
            name
            for name in names
            if dumps(mine.get(name)) != dumps(theirs.get(name))
            or (name in mine) != (name in theirs)
        )
        if verbose:
            for name in different:
                _log.info("%s: %r here, %r there", name, mine.get(name), theirs.get(name))
        return not different

    # ---------------------------------------------------------------- files and readers

    def save(self, path: str | Path, key: str | None = None) -> Path:
        """Write the values to a YAML file, without secrets; return its path."""
        key = key or self._cfg_key or self.get_default_cfg_key()
        return config.save_config(path, {key: self.to_dict()} if key else self.to_dict())

    def load(self, path: str | Path, key: str | None = None) -> None:
        """Take the values of a YAML file, from below ``key`` or the default key."""
        content = config.read_config(config.find_config(path))
        key = key or self._cfg_key or self.get_default_cfg_key()
        self.read(self._own_part(config.section(content, key, is_required=key is not None)))

    def show_pars(self) -> HelpText:
        """Return a table of the parameters: value, default, types, meaning."""
        values = self.__dict__
        lines = (parameter_types.describe(spec, values[spec.name]) for spec in self._specs.values())
        return HelpText("\n".join(lines))

    help = show_pars

    def vprint(self, text: str, threshold: int = 1) -> None:
        """Log a text if ``verbose`` is at least ``threshold``."""
        if self.verbose >= threshold:
            _log.info("%s", text)

"""Compilation of the kernels, and the quick way back to what was compiled before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache
from numba.core.runtime import rtsys

__all__ = ["compiled", "reordered"]


class _CompiledBefore(FunctionCache):
    """Cache of one kernel, which loads machine code without getting ready to compile.

    Numba fills its registries of functions, and imports ``scipy.linalg`` for them, before it reads
    its cache: half of the time of a first call. Code on disk needs its runtime alone; what is not
    there is compiled as always, and the registries are filled then.
    """

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled kernel of a signature, or None."""
        try:
            rtsys.initialize(target_context)
            with self._guard_against_spurious_io_errors():
                return self._load_overload(sig, target_context)
        except AttributeError:
            # None of this is public: another release of numba may do it otherwise.
            return super().load_overload(sig, target_context)


def compiled(kernel: Callable[..., Any], **choices: Any) -> Any:
    """Compile a kernel at its first call, and keep it on disk."""
    dispatcher = njit(cache=True, **choices)(kernel)
    # With NUMBA_DISABLE_JIT it is the kernel itself.
    if isinstance(getattr(dispatcher, "_cache", None), FunctionCache):
        dispatcher._cache = _CompiledBefore(kernel)
    return dispatcher


def reordered(kernel: Callable[..., Any]) -> Any:
    """Do so with sums that may be taken in any order, for vector instructions."""
    return compiled(kernel, fastmath={"reassoc", "contract"})

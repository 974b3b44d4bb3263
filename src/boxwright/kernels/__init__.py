"""Compiled geometry: arrays in, arrays out. Nothing here checks its input; the verb modules do.

Kernels are compiled on first call and kept on disk. The folder is named after everything that decides the machine code: all sources of this
package, the numba version and the bounds-check switch (numba's own key misses edits in imported helpers, and the switch). Installs with the same
sources share it.
"""

from __future__ import annotations

import atexit
import gc
import hashlib
import inspect
import os
import shutil
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

import numba
import numpy as np
from numba import types
from numba.core.compiler import CompilerBase, DefaultPassBuilder, PassManager

__all__ = ["cache_folder", "compiled", "kernel"]


def _fingerprint() -> str:
    digest = hashlib.sha256(f"{__name__} {numba.__version__} {np.__version__} boundscheck={numba.config.BOUNDSCHECK}".encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.name.encode() + source.read_bytes())
    return digest.hexdigest()[:16]


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _find_cache_folder() -> Path | None:
    base = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME")
    folder = (Path(base) if base else Path("~").expanduser() / ".cache") / "boxwright" / "kernels" / _fingerprint()
    if _writable(folder):
        return folder
    try:  # private and random: compiled code is executed, so it is never looked for under a name others could have made
        folder = Path(tempfile.mkdtemp(prefix="boxwright-kernels-"))
    except OSError:
        return None
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


cache_folder: Path | None = _find_cache_folder()


class Locator:
    """Tells numba where a kernel's code is kept. Its own locators put the path of the source file into it, so that every install compiles anew.

    Each combination of dtypes has an index of its own: two processes that add theirs to the same index at the same moment may give one number to
    both, and what is read under it is the code of the other.
    """

    combination = ""  # of the kernel that is being compiled

    def __init__(self, line):
        self._disambiguator = f"{line}-{hashlib.sha256(self.combination.encode()).hexdigest()[:12]}"

    @classmethod
    def from_function(cls, function, _):
        return cls(function.__code__.co_firstlineno)

    def ensure_cache_path(self):
        cache_folder.mkdir(parents=True, exist_ok=True)

    def get_cache_path(self):
        return str(cache_folder)

    def get_source_stamp(self):
        return cache_folder.name  # which tells of all sources

    def get_disambiguator(self):
        return self._disambiguator


@contextmanager
def _our_cache(combination):
    """numba picks the folder when a function is decorated; the settings are put back, so that users' own kernels are not moved."""
    Locator.combination = str(combination)
    ours = {"CACHE_DIR": str(cache_folder), "CACHE_LOCATOR_CLASSES": f"{__name__}.{Locator.__name__}"}  # the second of newer numbas alone
    before = {name: getattr(numba.config, name, "") for name in ours}
    vars(numba.config).update(ours)
    try:
        yield
    finally:
        vars(numba.config).update(before)


@contextmanager
def _no_garbage_collection():
    """The compiler makes millions of small objects that live long; searching them for garbage takes a fifth of its time."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


class _Pipeline(CompilerBase):  # type: ignore[misc]  # numba tells no types
    """numba's own steps without those for what no kernel has: closures, blocks of `with`, arguments of None, arithmetic of whole arrays.

    They take a tenth of the time. A step is found by its name, so that a numba that calls it differently merely takes longer.
    """

    LEFT_OUT = frozenset("WithLifting InlineClosureLikes RewriteSemanticConstants DeadBranchPrune InlineOverloads NopythonRewrites".split())

    def define_pipelines(self):
        steps = DefaultPassBuilder.define_nopython_pipeline(self.state).passes
        manager = PassManager("kernel")
        manager.passes = [step for step in steps if step[0].__name__ not in self.LEFT_OUT]
        manager.finalize()
        return [manager]


def _njit(function, **options):
    """Divisions by zero give infinity or NaN, as numpy's do: a test and an exception at every division would cost time, most of all to compile."""
    return numba.njit(nogil=True, no_cfunc_wrapper=True, error_model="numpy", pipeline_class=_Pipeline, **options)(function)


def compiled(function):
    """A jitted function for other kernels to call, not to be called from Python: its machine code is kept as part of theirs."""
    return _njit(function, no_cpython_wrapper=True)


class Kernel:
    """A jitted function called from Python, compiled once per combination of dtypes instead of once per memory layout.

    Arguments named `points*` may have any strides and may be read-only; arguments named `out*` are written, and are C-contiguous; every other
    array is C-contiguous and only read.
    """

    def __init__(self, function):
        self.__doc__ = function.__doc__
        self.__name__ = function.__name__
        self._names = list(inspect.signature(function).parameters)
        self._function = function
        # One dispatcher per combination, never opened again once it is closed to others: a dispatcher that may compile demands exact types, so
        # that a call from another thread meanwhile would not find the layout-blind code that is there.
        self._dispatchers = {}

    def __call__(self, *args):
        key = tuple([arg.dtype if isinstance(arg, np.ndarray) else type(arg) for arg in args])
        dispatcher = self._dispatchers.get(key)
        if dispatcher is None:
            dispatcher = self._compile(key, args)
        return dispatcher(*args)

    def _compile(self, key, args):
        with _compiling, _no_garbage_collection():
            if key not in self._dispatchers:
                signature = tuple(self._type(name, arg) for name, arg in zip(self._names, args, strict=True))
                with _our_cache(signature):
                    dispatcher = _njit(self._function, cache=cache_folder is not None)
                dispatcher.compile(signature)
                dispatcher.disable_compile()
                self._dispatchers[key] = dispatcher
            return self._dispatchers[key]

    @staticmethod
    def _type(name, arg):
        if not isinstance(arg, np.ndarray):
            return numba.typeof(arg)
        layout = "A" if name.startswith("points") else "C"
        return types.Array(numba.from_dtype(arg.dtype), arg.ndim, layout, readonly=not name.startswith("out"))


_compiling = threading.Lock()


def kernel(function):
    """A serial kernel, free of the GIL."""
    return function if numba.config.DISABLE_JIT else Kernel(function)

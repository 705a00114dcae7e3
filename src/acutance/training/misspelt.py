"""What was meant by a name that does not exist: a field, a recipe."""

from __future__ import annotations

import difflib
import inspect
import re
import sys
from collections.abc import Iterable


def meant(error: BaseException) -> str:
    """``; did you mean weight?`` for a ``TypeError`` about an unknown argument of something of acutance's, else empty.

    >>> from acutance.training.recipe import MultiStep
    >>> try:
    ...     MultiStep(gama=0.5)
    ... except TypeError as error:
    ...     meant(error)
    '; did you mean gamma?'
    """
    found = re.search(r"^(\w+)(?:\.__init__)?\(\) got an unexpected keyword argument '(\w+)'", str(error))
    if not found:
        return ""
    modules = [module for name, module in list(sys.modules.items()) if name.startswith("acutance.")]
    kinds = [vars(module)[found[1]] for module in modules if callable(vars(module).get(found[1]))]
    known = [name for kind in kinds for name in inspect.signature(kind).parameters]
    return nearest(found[2], known)


def nearest(name: str, known: Iterable[str]) -> str:
    """``; did you mean srgan?``, or empty when nothing known is near."""
    near = difflib.get_close_matches(name, known, 1)
    return f"; did you mean {near[0]}?" if near else ""

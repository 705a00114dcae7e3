"""The field that was meant, when a recipe names one that does not exist."""

from __future__ import annotations

import difflib
import inspect
import re
import sys


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
    near = difflib.get_close_matches(found[2], known, 1)
    return f"; did you mean {near[0]}?" if near else ""

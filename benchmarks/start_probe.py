"""Prints the seconds from nothing to a compiled model: imports, model load, compilation."""

import time

begin = time.perf_counter()

from acutance.engines import choose, open_engine  # noqa: E402
from acutance.models import store  # noqa: E402
from acutance.pipelines.tiles import tile_grid  # noqa: E402

model = store.load()
engine, precision = choose(model, "auto", "auto", deep=False)
open_engine(model, tile_grid(1024, 1024, model).tile, engine, precision, deep=False)
print(time.perf_counter() - begin)

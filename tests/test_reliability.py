"""benchmarks/reliability.py: a small sample of every cheap figure, and that the harness finds what it looks for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from trials.film_judge import Found
from trials.handmade import png
from trials.judges import differs, objection
from trials.mutants import MUTATIONS, mutant
from trials.payloads import payloads
from trials.pictures import SEEDS, seed
from trials.running import bench

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "reliability.py"
RARE = ("damage done without a note", "silent loss")  # judged by thousands of mutants, not by forty
WORKER = """
import json, os, sys, time
for line in sys.stdin:
    task = json.loads(line)
    open(task["out"], "w").close()
    {"crash": os.abort, "hang": lambda: time.sleep(60), "fine": int}[task["arguments"][0]]()
    print(json.dumps({"code": 0, "seconds": 0.1, "peak_mb": 1, "space_mb": 1}), flush=True)
"""


@pytest.mark.parametrize("figures", [["F1", "F2", "F8"], ["F3", "F4"]])
def test_a_small_sample_of_what_must_hold(tmp_path: Path, figures: list[str]) -> None:
    command = [sys.executable, SCRIPT, *figures, "--quick", "--share", "0.1", "--out", tmp_path, "--jobs", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    for figure in figures:
        result = json.loads((tmp_path / f"{figure}-quick.json").read_text())
        assert result["counts"] and result["machine"] and result["commit"], "a receipt is part of a result"
        broken = [bar for bar in result["bars"] if not bar["holds"] and not bar["bar"].startswith(RARE)]
        assert broken == [] and result["bars"], (figure, result["failures"])
    assert done.returncode in (0, 1) and "Traceback" not in done.stderr, done.stderr


def test_mutants_are_never_the_seed_and_always_the_same() -> None:
    data = seed("png_rgb8.png")
    made = [mutant(data, "a.png", number) for number in range(60)]
    assert made == [mutant(data, "a.png", number) for number in range(60)]
    assert data not in [one for one, _ in made] and len({one for one, _ in made}) > 50
    words = {word for _, how in made for word in how.split(" and ")}
    assert {mutation.__name__ for mutation in MUTATIONS} <= words


def test_healthy_pictures_are_not_objected_to_and_damaged_ones_are_where_they_can_be() -> None:
    assert {name: objection(seed(name)) for name in SEEDS if objection(seed(name))} == {}
    whole = bytearray(seed("png_rgb8.png"))
    whole[-40] ^= 1
    assert "checksum" in objection(bytes(whole))
    assert objection(seed("jpg_444.jpg")[:-300]) and objection(seed("webp_lossy.webp")[:-9])
    assert "too few" in objection(png(8, 8, bytes(9)))
    plain = bytearray(seed("tif_plain.tif"))
    plain[3000] ^= 0x80
    assert objection(bytes(plain)) == "", "an uncompressed sample is as good as another"


def test_a_plain_reader_says_what_is_lost() -> None:
    assert Found(packets=10, frames=10).objects() == ""
    assert "packets" in Found(packets=10, frames=7).objects()
    assert Found(declared=10).promises(7, 0.3, 0.04) and not Found(declared=7, seconds=0.3).promises(7, 0.28, 0.04)


def test_what_is_seen_is_told_from_what_is_not() -> None:
    from trials.pictures import scene

    other = scene().copy()
    assert not differs(scene(), other)
    other[0, 0] += 60
    assert not differs(scene(), other), "one pixel is not seen"
    other[:12] += 60
    assert differs(scene(), other)


def test_payloads_would_work_where_nobody_takes_care(tmp_path: Path) -> None:
    """Or finding none executed would mean nothing. Those of plain pickles, each in a process of its own."""
    found = [each for each in payloads(tmp_path) if each[0].endswith((".pt", ".bin"))][:6]
    assert len(payloads(tmp_path)) >= 60
    for name, data, canary in found:
        if data.startswith(b"PK"):
            continue
        code = f"import pickle, io; f = io.BytesIO({data!r})\ntry:\n while True: pickle.load(f)\nexcept EOFError: pass"
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
        assert canary.exists(), name


def test_crashes_and_hangs_are_laid_to_the_command_they_happened_in(tmp_path: Path, monkeypatch) -> None:
    from trials import running

    (tmp_path / "worker.py").write_text(WORKER)
    monkeypatch.setattr(running, "WORKER", tmp_path / "worker.py")
    with bench(jobs=1, quick=True, seed=1) as at:

        def ended(warm: running.Warm, word: str) -> running.Ended:
            with at.place("x") as place:
                return warm.run([word], place, patience=0.1)

        crashed, fine, hung, again = at.each(ended, ["crash", "fine", "hang", "fine"])
    assert crashed.crashed and not crashed.hung and crashed.code == -6
    assert hung.hung and not hung.crashed
    assert fine.code == again.code == 0

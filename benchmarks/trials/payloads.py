"""Pickles that would run code if anybody opened them without care: each would make a file, and must not.

They are built of opcodes; nothing here is ever unpickled.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # of torch's files before zip
Body = bytes  # opcodes that leave one object on the stack


def _value(what: object) -> Body:
    return pickle.dumps(what, protocol=2)[2:-1]


def call(module: str, name: str, *arguments: object) -> Body:
    """``module.name(*arguments)``, by GLOBAL and REDUCE."""
    return f"c{module}\n{name}\n".encode() + _value(arguments) + b"R"


def calls(canary: Path) -> dict[str, Body]:
    """Ways to make ``canary`` by a function that a pickle may name."""
    at, code = str(canary), f"open({str(canary)!r}, 'w')"
    shell = f"touch '{at}'"
    inner = b"\x80\x02" + call("os", "system", shell) + b"."
    return {
        "os.system": call("os", "system", shell),
        "posix.system": call("posix", "system", shell),
        "os.popen": call("os", "popen", shell),
        "os.mkdir": call("os", "mkdir", at),
        "subprocess.call": call("subprocess", "call", ["touch", at]),
        "subprocess.Popen": call("subprocess", "Popen", ["touch", at]),
        "subprocess.getoutput": call("subprocess", "getoutput", shell),
        "builtins.exec": call("builtins", "exec", code),
        "builtins.eval": call("builtins", "eval", code),
        "__builtin__.eval": call("__builtin__", "eval", code),
        "builtins.open": call("builtins", "open", at, "w"),
        "io.open": call("io", "open", at, "w"),
        "_io.FileIO": call("_io", "FileIO", at, "w"),
        "codecs.open": call("codecs", "open", at, "w"),
        "gzip.open": call("gzip", "open", at, "w"),
        "tarfile.open": call("tarfile", "open", at, "w"),
        "zipfile.ZipFile": call("zipfile", "ZipFile", at, "w"),
        "logging.FileHandler": call("logging", "FileHandler", at),
        "sqlite3.connect": call("sqlite3", "connect", at),
        "shelve.open": call("shelve", "open", at),
        "timeit.timeit": call("timeit", "timeit", code, "pass", None, 1),
        "cProfile.run": call("cProfile", "run", code),
        "runpy._run_code": call("runpy", "_run_code", code, {}),
        "pickle.loads": call("pickle", "loads", inner),
        "_pickle.loads": call("_pickle", "loads", inner),
        "torch.load": call("torch.storage", "_load_from_bytes", inner),
        "torch.save": call("torch", "save", {}, at),
        "torch.jit": call("torch.jit.unsupported_tensor_ops", "execWrapper", code, {}, {}),
        "numpy.runstring": call("numpy.testing._private.utils", "runstring", code, {}),
        "numpy.savetxt": call("numpy", "savetxt", at, [1.0]),
        "multiprocessing": call("multiprocessing.util", "spawnv_passfds", "/bin/touch", ["touch", at], ()),
        "functools.partial": b"cfunctools\npartial\n(cos\nsystem\n" + _value(shell) + b"tR)R",
        "operator.methodcaller": b"coperator\nmethodcaller\n"
        + _value(("write_text", "x"))
        + b"R"
        + _value(())
        + b"0(cpathlib\nPosixPath\n"
        + _value((at,))
        + b"RtR",
        "getattr": b"cbuiltins\ngetattr\n(cpathlib\nPosixPath\n" + _value((at,)) + b"R" + _value("touch") + b"tR)R",
    }


def inst(canary: Path) -> Body:
    """By the old opcode INST."""
    return b"(" + _value(f"touch '{canary}'") + b"ios\nsystem\n"


def stacked(canary: Path) -> Body:
    """By STACK_GLOBAL, names from the stack and the memo."""
    return b"\x8c\x02os\x94\x8c\x06system\x94\x93" + _value((f"touch '{canary}'",)) + b"R"


def built(canary: Path) -> Body:
    """An allowed class whose state calls."""
    return b"ccollections\nOrderedDict\n)R" + call("os", "system", f"touch '{canary}'") + b"b"


def _pickle(body: Body) -> bytes:
    return b"\x80\x04" + body + b"."


def raw(body: Body) -> bytes:
    """A plain pickle."""
    return _pickle(body)


def in_dictionary(body: Body) -> bytes:
    """As the value of a checkpoint's entry."""
    return _pickle(b"}" + _value("params") + body + b"s")


def legacy(body: Body) -> bytes:
    """As torch wrote before 1.6: a magic number, a version, facts, then the object."""
    facts = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    return b"".join(pickle.dumps(each, protocol=2) for each in (MAGIC, PROTOCOL, facts)) + _pickle(body)


def zipped(body: Body, crc: bool = True) -> bytes:
    """As torch writes; without ``crc`` the checksum is wrong, which some scanners take for unreadable."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", _pickle(body))
        archive.writestr("archive/byteorder", b"little")
        archive.writestr("archive/version", b"3\n")
    data = bytearray(file.getvalue())
    if not crc:
        data[14] ^= 0xFF  # local header of data.pkl
        central = data.index(b"PK\x01\x02")
        data[central + 16] ^= 0xFF
    return bytes(data)


def after_tensors(body: Body) -> bytes:
    """Behind a harmless pickle."""
    return pickle.dumps({}, protocol=2) + _pickle(body)


FORMS: tuple[Callable[[Body], bytes], ...] = (
    zipped,
    raw,
    legacy,
    in_dictionary,
    lambda body: zipped(body, crc=False),
    after_tensors,
)
SUFFIXES = (".pth", ".pt", ".bin", ".ckpt", ".safetensors", ".pkl")


def payloads(folder: Path) -> list[tuple[str, bytes, Path]]:
    """Name of the file, its bytes and the file that must not appear: every call in two forms, and odd opcodes."""
    found: list[tuple[str, bytes, Path]] = []
    ways = list(calls(folder / "x"))

    def add(way: str, body: Callable[[Path], Body], form: Callable[[Body], bytes]) -> None:
        canary = folder / f"canary{len(found)}"
        name = f"{len(found):02d}-{way.replace('.', '-')}{SUFFIXES[len(found) % len(SUFFIXES)]}"
        found.append((name, form(body(canary)), canary))

    for number, way in enumerate(ways):
        for form in (FORMS[number % len(FORMS)], FORMS[(number + 1) % len(FORMS)]):
            add(way, lambda canary, way=way: calls(canary)[way], form)
    for body in (inst, stacked, built):
        for form in (zipped, legacy):
            add(body.__name__, body, form)
    return found

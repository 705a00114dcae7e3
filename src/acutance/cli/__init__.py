"""The command line: one file per command; parses, calls, prints."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from acutance import __version__
from acutance.cli import (
    console,
    datasets,
    doctor,
    evaluate,
    models,
    options,
    prepare,
    preview,
    remaster,
    reproduce,
    study,
    stylize,
    train,
    upscale,
)
from acutance.errors import AcutanceError
from acutance.files.memory import TOO_LITTLE, out_of_memory


@click.group(cls=options.Group, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(__version__, message="acutance %(version)s")
def app() -> None:
    """Make photographs and films sharp again: enlarge, paint, train and measure."""


for command in (
    upscale.upscale,
    stylize.stylize,
    remaster.remaster,
    preview.preview,
    doctor.doctor,
    evaluate.evaluate,
    reproduce.reproduce,
    prepare.prepare,
    train.train,
    datasets.datasets,
    models.models,
    study.study,
):
    app.add_command(command)


def main() -> None:
    """Run the program; every expected failure becomes one line and its exit code."""
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"] or ["--help"]
    try:
        try:
            _run(arguments)
        except Exception as error:
            if debug:
                raise
            sys.exit(_code(error))
        finally:
            print(end="", flush=True)  # here a closed pipe and a full disk are still heard of
    except BrokenPipeError:
        console.silence()
        sys.exit(141)
    except OSError as error:
        if debug:
            raise
        console.silence()
        sys.exit(_code(error))
    except KeyboardInterrupt:
        console.say("stopped")
        sys.exit(130)


def _run(arguments: list[str]) -> None:
    try:
        with app.make_context("acutance", arguments) as context:
            app.invoke(context)
    except click.exceptions.Exit as done:  # --help
        sys.exit(done.exit_code)


def _dashed() -> str:
    """What to do about a file whose name looks like an option."""
    name = next((each for each in sys.argv[1:] if each.startswith("-") and Path(each).exists()), "")
    return f"; for the file called {name} write ./{name}" if name else ""


def _code(error: Exception) -> int:
    """The exit code of an exception, after its line; click's own are about how the command was typed."""
    if isinstance(error, AcutanceError):
        console.fail(error)
        return error.exit_code
    if isinstance(error, BrokenPipeError):
        raise error
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        where = context.command_path if context else "acutance"
        console.say(f"acutance: {error.format_message().splitlines()[0]} (see {where} --help){_dashed()}")
        return 2
    if isinstance(error, OSError):
        console.say(f"acutance: {error.filename or 'a file'}: {error.strerror or error}; see to it and run it again")
        return 5
    if isinstance(error, MemoryError) or out_of_memory(str(error)):
        console.say(f"acutance: {TOO_LITTLE}")
        return 5
    console.say(
        f"acutance: internal error ({type(error).__name__}: {error}); this is a bug of ours. "
        "Run the same command with --debug for the details"
    )
    return 70

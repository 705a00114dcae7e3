"""The command line: one file per command; parses, calls, prints."""

from __future__ import annotations

import sys

import typer

from acutance.cli import (
    console,
    datasets,
    doctor,
    evaluate,
    models,
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

app = typer.Typer(
    help="Make photographs and films sharp again: enlarge, paint, train and measure.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS = {
    upscale.upscale: "Enlarge pictures.",
    stylize.stylize: "Paint pictures in a style.",
    remaster.remaster: "Enlarge a film.",
    preview.preview: "Show a few seconds of a film before and after.",
    doctor.doctor: "Say what this machine can do.",
    evaluate.evaluate: "Measure models, or any pictures, on test sets.",
    reproduce.reproduce: "Measure published figures again.",
    prepare.prepare: "Pack photographs for training.",
    train.train: "Train a network, or go on training it.",
}
for command, summary in COMMANDS.items():
    app.command(short_help=summary)(command)
app.add_typer(datasets.app, name="datasets", short_help="List and fetch public training photographs.")
app.add_typer(models.app, name="models")
app.add_typer(study.app, name="study", short_help="Ask people how good pictures look.")


def main() -> None:
    """Run the program; every expected failure becomes one line and its exit code."""
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"] or ["--help"]
    try:
        code = app(args=arguments, prog_name="acutance", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except AcutanceError as error:
        if debug:
            raise
        console.fail(error)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        console.silence()
        sys.exit(141)
    except KeyboardInterrupt:
        console.say("stopped")
        sys.exit(130)
    except Exception as error:
        if debug:
            raise
        sys.exit(_other(error))


def _other(error: Exception) -> int:
    """The exit code of an exception that is not ours; typer's own are about how the command was typed."""
    if hasattr(error, "format_message") and hasattr(error, "show"):
        if text := error.format_message():  # type: ignore[attr-defined]
            console.say(f"acutance: {text.splitlines()[0]} (see acutance --help)")
        return 2
    if type(error).__name__ == "Abort":
        return 130
    if isinstance(error, OSError):
        console.say(f"acutance: {error.filename or 'a file'}: {error.strerror or error}; see to it and run it again")
        return 5
    console.say(
        f"acutance: internal error ({type(error).__name__}: {error}); this is a bug of ours. "
        "Run the same command with --debug for the details"
    )
    return 70

"""The command line: one file per command; parses, calls, prints."""

from __future__ import annotations

import sys

import typer

from acutance.cli import console, doctor, evaluate, models, prepare, train, upscale
from acutance.errors import AcutanceError

app = typer.Typer(
    help="Make photographs sharp again: upscale, train and measure super-resolution networks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    upscale.upscale,
    models.models,
    doctor.doctor,
    evaluate.evaluate,
    prepare.prepare,
    train.train,
):
    app.command()(command)


def main() -> None:
    """Run the program; every expected failure becomes one line and its exit code."""
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        app(args=arguments, prog_name="acutance")
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
        console.say(
            f"acutance: internal error ({type(error).__name__}: {error}); this is a bug of ours. "
            "Run the same command with --debug for the details"
        )
        sys.exit(70)

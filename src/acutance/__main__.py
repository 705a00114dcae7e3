"""``python -m acutance``, and the ``acutance`` command."""

import sys


def main() -> None:
    """Import and run the command line; a Ctrl-C during the import is a stop like any other."""
    try:
        from acutance.cli import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()

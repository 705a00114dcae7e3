"""``python -m acutance``, and the ``acutance`` command."""

import sys


def main() -> None:
    """Import and run the command line; a Ctrl-C during the import is a stop like any other."""
    from acutance.files.memory import START, TOO_LITTLE, load_unwinder, out_of_memory, require

    try:
        require(START)
        load_unwinder()
        from acutance.cli import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    except (MemoryError, ImportError) as error:
        if isinstance(error, ImportError) and not out_of_memory(str(error)):
            raise
        print(f"acutance: {TOO_LITTLE}", file=sys.stderr)
        sys.exit(5)
    run()


if __name__ == "__main__":
    main()

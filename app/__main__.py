"""No words: the window. Words: the command line. Each is imported only when it is needed."""

import sys


def main() -> int:
    """Run StanceDesk and return the exit status: 0, 1 for a failure told in a line, 2 for wrong usage."""
    if len(sys.argv) > 1:
        from app import cli

        return cli.run(sys.argv[1:])
    from app.gui.application import run

    return run([])


if __name__ == "__main__":
    sys.exit(main())

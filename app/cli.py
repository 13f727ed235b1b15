"""Every command. What the window starts as a child, a shell can start too.

Exit status: 0, 1 for a failure told in one line on standard error, 2 for wrong usage. Each command
imports what it needs when it runs, so that `--help` answers at once.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from app import __version__
from app.arguments import parser
from app.commands import WrongUsage
from app.errors import UserError
from app.terminal import tell_failure


def run(words: Sequence[str]) -> int:
    """Run one command and return its exit status."""
    arguments = parser().parse_args(words, argparse.Namespace(json=False))
    command: Callable[[argparse.Namespace], int | None] = arguments.run
    as_json = bool(getattr(arguments, "json", False)) and bool(getattr(arguments, "long", False))
    try:
        return command(arguments) or 0
    except WrongUsage as error:
        print(f"stancedesk: {error}", file=sys.stderr)
        return 2
    except UserError as error:
        tell_failure(str(error), as_json, "user", next_step=error.next_step, sentence=error.message)
        return 1
    except KeyboardInterrupt:
        tell_failure("Stopped.", as_json, "cancelled")
        return 1
    except BrokenPipeError:
        # The reader (`head`, a closed window) went away: nothing to tell, and nobody to tell it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        what = f" ({error.filename})" if error.filename else ""
        tell_failure(f"The system refused: {error.strerror or error}{what}.", as_json, "user")
        return 1
    except Exception as error:
        return _tell_bug(error, as_json)


def _tell_bug(error: Exception, as_json: bool) -> int:
    import traceback

    from app import paths

    report = "".join(traceback.format_exception(error))
    detail = str(getattr(error, "detail", "")) or report
    where = paths.data_folder() / "last-error.txt"
    try:
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_text(f"StanceDesk {__version__}\n{detail}\n", encoding="utf-8")
        report_at = f". The report to send is in {where}"
    except OSError:
        report_at = f"\n{detail}"
    told = f"This is a fault of StanceDesk, not yours: {type(error).__name__}: {error}{report_at}"
    tell_failure(told, as_json, "bug", detail=detail)
    return 1

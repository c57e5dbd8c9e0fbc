"""How a command ends: errors to exit codes, and never a traceback for what a user or a machine caused.

0 done; 2 the user's input is wrong (one line); 1 anything else; 130 interrupted; 141 nobody reads the output any more.
"""

import errno
import io
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable

from nas.errors import NasError
from nas.reading.plain import one_line
from nas.reading.words import cut

_NO_SUCH_NAME = (errno.ENAMETOOLONG, errno.ELOOP)

MOST = 480
"""Characters of a message at most."""


def ending(action: Callable[[], int], on_interrupt: str = "") -> int:
    """The exit code of `action`: what it returns, or what that which ended it means.

    While it runs, Ctrl-C raises KeyboardInterrupt, unless whoever started the process made it deaf to that.
    """
    _open_closed_streams()
    if os.environ.get("COLUMNS", "").strip("0") == "":
        os.environ.pop("COLUMNS", None)  # a terminal of no columns, on which nothing would be shown
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a letter that the locale lacks is no reason to end
    handler = signal.getsignal(signal.SIGINT)
    if handler is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return _ended(action)
    except KeyboardInterrupt:
        if on_interrupt:
            print(f"\n{on_interrupt}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _silence()
        return 141
    finally:
        signal.signal(signal.SIGINT, handler)


def _open_closed_streams() -> None:
    """Let what was closed before the start lead nowhere: else the next file opened would be the error output."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number free, which is this one
    if sys.stderr is None:  # to which `print` would write as to the output
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (for as long as the process lives)


def _ended(action: Callable[[], int]) -> int:
    codes = [0]
    try:
        codes.append(guarded(lambda: codes.append(action())))
    except SystemExit as ended:  # of an argument parser that was asked for help
        codes.append(int(ended.code or 0))
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _silence()
        complain(f"cannot write the output: {error.strerror}")
        codes.append(1)
    return max(codes)


def _silence() -> None:
    """What is left of the output goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def guarded(action: Callable[[], None]) -> int:
    """Run `action`: its errors become an exit code and, where a user or the machine caused them, one line.

    Raises:
        KeyboardInterrupt: it was interrupted.
        BrokenPipeError: nobody reads the output any more.
    """
    try:
        action()
    except NasError as error:
        complain(str(error))
        return error.code
    except BrokenPipeError:
        if _is_read():
            traceback.print_exc()
            return 1
        raise
    except Exception as error:  # the last resort: show it, and go on with the next run of a multirun
        if _began_with_interrupt(error):
            raise KeyboardInterrupt from error
        if isinstance(error, OSError) and error.errno in _NO_SUCH_NAME:
            return complain(f"{error.strerror}: {cut(str(error.filename))}; give another path")
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.strerror):
            complain(_of_the_machine(error))
        else:
            traceback.print_exc()
        return 1
    return 0


def complain(message: str) -> int:
    """Say `message` as one line of bounded length; the exit code of wrong input."""
    print(f"error: {one_line(cut(message, MOST))}", file=sys.stderr)
    return 2


def warn(message: str) -> None:
    """Say `message` as one line on stderr; the command goes on."""
    print(f"warning: {one_line(cut(message, MOST))}", file=sys.stderr)


def _of_the_machine(error: MemoryError | OSError) -> str:
    if isinstance(error, MemoryError):
        return "the memory does not suffice; what is finished is kept"
    where = f": {cut(str(error.filename), 200)}" if error.filename else ""
    return f"{error.strerror}{where}; what is finished is kept, and the same command goes on from there"


def _is_read() -> bool:
    """Whether anyone can still read the output."""
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        return not any(state & select.POLLERR for _, state in poll.poll(0))
    except (OSError, ValueError, AttributeError):  # no output, one of tests, or a system without `poll`
        return False


def _began_with_interrupt(error: BaseException | None) -> bool:
    """Whether `error` was raised while Ctrl-C was being handled, as when it cut a file lock's release short."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None

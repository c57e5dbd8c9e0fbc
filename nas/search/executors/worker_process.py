"""What every worker process does first, whoever started it."""

import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Sequence

from tqdm import tqdm


def start_worker(number: int, gpus: Sequence[str] | None = None, threads: int = 1) -> None:
    """So many threads, one GPU at most, deaf to Ctrl-C (the parent decides), and gone when the parent is.

    `gpus`, as CUDA_VISIBLE_DEVICES names them, are dealt out by the worker's `number`; None: all that are found.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    tqdm.set_lock(threading.RLock())  # its own lock is a semaphore, which a killed worker would leave behind
    from nas.nets.device import use_one_gpu, use_threads

    use_threads(threads)
    use_one_gpu(number, gpus)


def through_pickle(error: Exception) -> Exception:
    """The error, or one of its words where its class does not come through pickling."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # whatever its class does there
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)

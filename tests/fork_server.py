"""A process that has imported what commands import, and forks itself for each command: see `typed.forked`.

It reads one command per line as JSON, and writes the exit code of each as a line. A child is as a process of its own
would be: its folder, environment, standard streams, modules and threads are not shared with the next.
"""

import gc
import json
import os
import runpy
import signal
import sys


def serve(seconds: int) -> list[str]:
    """Fork for each command; returns in the children alone, the path of the script and its arguments.

    Args:
        seconds: after which a child is ended.
    """
    for line in sys.stdin:
        command = json.loads(line)
        pid = os.fork()
        if pid == 0:
            signal.alarm(seconds)
            os.chdir(command["folder"])
            os.environ.clear()
            os.environ.update(command["environment"])
            streams = [(os.devnull, os.O_RDONLY), (command["stdout"], os.O_WRONLY), (command["stderr"], os.O_WRONLY)]
            for number, (path, flags) in enumerate(streams):
                opened = os.open(path, flags)
                os.dup2(opened, number)
                os.close(opened)
            return list(command["arguments"])
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    os._exit(0)


if __name__ == "__main__":
    source, patience = sys.argv[1:]
    sys.path[0] = source
    import whyrelu.launch.sweep

    import whyrelu.results.aggregation
    import whyrelu.theory.configured
    import whyrelu.training.fit  # noqa: F401

    # what the collector moves would be copied in every child
    gc.freeze()
    sys.argv = serve(int(patience))
    runpy.run_path(sys.argv[0], run_name="__main__")

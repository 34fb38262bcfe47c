"""Say where a browser finds the studies of a running MLflow server, once it answers: `make mlflow` starts both.

python src/review.py                           of http://127.0.0.1:5000
python src/review.py http://127.0.0.1:5001     of another
"""

from whyrelu.interruption import end_on_signals

if __name__ == "__main__":
    # before what takes a second to import
    end_on_signals()

import sys

from whyrelu.commandline import reports_errors

# A server takes seconds to start, more on a busy machine.
PATIENCE = 120.0


@reports_errors
def main() -> None:
    """Print the addresses."""
    if set(sys.argv[1:]) & {"-h", "--help"}:
        print(__doc__)
        return

    from whyrelu.errors import UserError
    from whyrelu.tracking.addresses import addresses, wait_for

    server = (sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:5000").rstrip("/")
    if not wait_for(server, PATIENCE):
        raise UserError(f"no MLflow server answers at {server}: start one with `make mlflow`")
    print("", *addresses(server), "", sep="\n", flush=True)


if __name__ == "__main__":
    main()

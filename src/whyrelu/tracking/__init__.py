"""MLflow as a view of runs/: never the source of truth, and never in the way of training."""

from whyrelu.tracking.tracker import Tracker

__all__ = ["Tracker"]

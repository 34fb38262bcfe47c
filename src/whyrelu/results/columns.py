"""The tables of results/<study>/: their columns with pandas dtypes.

Layers are convolutions, 1 nearest the input. Epoch 0 is the network as it was initialised. Norms of gradients are of
cross-entropy in nats. Accuracies are fractions of 1. Numbers that were not measured, or are not finite, are missing.
"""

# What is set before a run. A further setting that varies in a study follows these, as a column under its dotted name
# (activation.shift, init.gain), and `lr_given` where tuned learning rates are compared with given ones.
FACTORS = {
    **dict.fromkeys(("data", "activation"), "str"),
    **dict.fromkeys(("depth", "width", "seed"), "int64"),
    **dict.fromkeys(("model", "init", "norm", "optimizer"), "str"),
    # clip is missing without clipping
    **dict.fromkeys(("clip", "lr"), "float64"),
    "epochs": "int64",
    "precision": "str",
}

# Scalars of a run in runs.parquet (and in run.json among its metrics), all made of the rows of layers.parquet: `init`
# is epoch 0, `end` the last one.
SUMMARY_COLUMNS = (
    # log10 of the gradient of the first layer over that of the last: negative decades are lost on the way back; -324,
    # the smallest double, where the first layer's is exactly 0
    "gradient_decades_init",
    # slope of ln gradient over the layers
    "gradient_slope_init",
    # means over layers
    "saturated_init",
    "saturated_end",
    "dead_init",
    "dead_end",
    # of the last layer
    "collapse_init",
    "collapse_end",
    # `update` of the first layer in the first epoch
    "update_first",
)

# runs.parquet: one row per run.
RUN_COLUMNS = {
    "run_id": "str",
    **FACTORS,
    # "completed" or "diverged"
    "status": "str",
    # "learned", "slow", "chance" or "diverged"
    "outcome": "str",
    **dict.fromkeys(("steps", "parameters"), "int64"),
    **dict.fromkeys(("train_loss", "val_accuracy", "test_accuracy", *SUMMARY_COLUMNS), "float64"),
}

# history.parquet: one row per run and epoch, from 1; every epoch of a run has as many steps.
HISTORY_COLUMNS = {
    "run_id": "str",
    "epoch": "int64",
    **dict.fromkeys(("train_loss", "train_accuracy", "val_loss", "val_accuracy"), "float64"),
}

# layers.parquet: one row per run, epoch and layer; definitions in whyrelu.diagnostics.
LAYER_COLUMNS = {
    "run_id": "str",
    "epoch": "int64",
    "layer": "int64",
    # root mean square over images of norm(dL_i / dh_i), h the preactivations of the layer
    "gradient": "float64",
    # root mean square of dL/dh over the saturated units, divided by that over the others; missing without either
    "gradient_saturated": "float64",
    # norm of dL/dW, L the mean loss of the probe images
    "weight_gradient": "float64",
    # norm(delta W) / norm(W) of one step, the middle one of the epoch; missing at epoch 0
    "update": "float64",
    # fraction of units with abs(phi'(h)) <= 5% of its maximum
    "saturated": "float32",
    # mean of phi'(h)^2 over units, relative to nothing
    "slope_square": "float64",
    # fraction of channels whose output is the same for all images
    "dead": "float32",
    # root mean square over units of the standard deviation across images, relative to that of h itself
    "collapse": "float64",
    # E[h^2]
    "q": "float64",
    # exp(entropy of the normalised singular values) of the centred outputs
    "effective_rank": "float32",
    # whether norms per image are exact: they are not where a norm mixes the images of a batch
    "exact": "bool",
}

# Columns of layers.parquet that profiles.parquet has as means over the runs of a cell: what varies over orders of
# magnitude by the geometric mean, fractions by the arithmetic one.
GEOMETRIC = ("gradient", "gradient_saturated", "weight_gradient", "update", "q", "collapse")
ARITHMETIC = ("saturated", "slope_square", "dead", "effective_rank")

# profiles.parquet: the factors of the cell, and per epoch and layer these; predictions at epoch 0 only.
PROFILE_COLUMNS = {
    "epoch": "int64",
    "layer": "int64",
    # runs with a gradient at this layer and epoch
    "n": "int64",
    **dict.fromkeys((*GEOMETRIC, *ARITHMETIC), "float64"),
    # gradient of this layer divided by that of the last: geometric mean and extremes over the runs
    **dict.fromkeys(("gradient_relative", "gradient_relative_low", "gradient_relative_high"), "float64"),
    "exact": "bool",
    **dict.fromkeys(("predicted_q", "predicted_gradient_relative", "predicted_collapse"), "float64"),
}

# cells.parquet: the factors of the cell, and these of its runs, failures included.
CELL_COLUMNS = {
    # what tells it from the other cells of the study, in words
    "name": "str",
    # runs, and runs by outcome
    **dict.fromkeys(("n", "learned", "slow", "chance", "diverged"), "int64"),
    # of runs that learned, with Wilson's interval
    **dict.fromkeys(("share", "share_low", "share_high"), "float64"),
    # of test accuracy: mean and median with their intervals, standard deviation, and median of the runs that learned
    **dict.fromkeys(("mean", "low", "high", "sd"), "float64"),
    **dict.fromkeys(("median", "median_low", "median_high", "learners_median"), "float64"),
    # of theory.parquet
    "decades": "float64",
    # mean of `saturated_init` of runs.parquet
    "saturated_init": "float64",
}

# curves.csv: the cell's name and factors, and per epoch n and mean validation accuracy with its interval.
CURVE_COLUMNS = ("epoch", "n", "val_accuracy", "low", "high")

# theory.parquet: the factors of the cell, and per layer the mean-field prediction at init.
THEORY_COLUMNS = {
    "layer": "int64",
    # E[h^2]
    "q": "float64",
    # chi_1(q_l): what E norm(dL/dh)^2 is multiplied by from layer l + 1 to l, zero padding aside; missing at the last
    "chi": "float64",
    # predicted norm(dL/dh_l) / norm(dL/dh_(l+1)), zero padding included; missing at the last layer
    "gradient_ratio": "float64",
    # predicted norm(dL/dh_l) / norm(dL/dh_last)
    "gradient_relative": "float64",
    # predicted value of `collapse` of layers.parquet
    "collapse": "float64",
    # of the cell, the same in all its rows: log10 of gradient_relative of the first layer, negative where gradients
    # are lost; finite where that is too small or too large for a number
    "decades": "float64",
    # of the cell: depth scale -1 / mean of ln chi, in layers; negative where gradients explode
    "xi": "float64",
}

# tuning.parquet: the columns of runs.parquet, for the runs of a tuning, and these.
TUNING_COLUMNS = {
    # id of the cell, and of its group: the cells it is compared with, which differ from it in the activation only
    "cell": "str",
    "group": "str",
    # "grid", or "confirm" for the runs on fresh seeds
    "stage": "str",
    # what decides: val_accuracy, 0 without one; minus the steps taken where trainer.stop_at is set
    "score": "float64",
    # at the last epoch; it decides on the grid where no run learned
    "val_loss": "float64",
}

# lr.csv: the id of the cell, its factors but lr, and these.
LR_COLUMNS = {
    # the chosen rate; mean and lower quartile of the validation accuracy of the runs there that decided, and how many
    "lr": "float64",
    "val_accuracy": "float64",
    "lower_quartile": "float64",
    "n": "int64",
    # how many rates were tried, on the grid or to confirm, and the ends of their range
    "rates": "int64",
    "lowest": "float64",
    "highest": "float64",
    # "", "edge" (the chosen rate is the lowest or highest tried) or "none learned" (no run at the chosen rate did)
    "flag": "str",
}

# effects.csv, one row per setting of a part.
EFFECT_COLUMNS = {
    "claim": "str",
    "part": "str",
    # missing where an effect is not of one depth
    "depth": "Int64",
    "init": "str",
    # what else is special, in words; empty if nothing is
    "setting": "str",
    "comparison": "str",
    "quantity": "str",
    # "share", "points" (fractions of 1, printed times 100), "ratio", "layers" or empty
    "unit": "str",
    "estimate": "float64",
    # the 95% interval, missing where the data cannot give any; inf without an upper limit
    "low": "float64",
    "high": "float64",
    # runs, pairs of runs, seeds or processes
    "n": "Int64",
    # theory's
    "expected": "float64",
    # of the two arms, and the shares of them that learn or arrive
    "first": "float64",
    "second": "float64",
    "share_first": "float64",
    "share_second": "float64",
    "p": "float64",
    # Holm's, over the rows of one part within one study
    "p_adjusted": "float64",
    # P(first > second), ties counting half
    "superiority": "float64",
    # "supports", "contradicts" or "undecided"; empty for what is told beside
    "outcome": "str",
    # whether it rests on times, which are of one machine
    "timed": "bool",
}

# All columns that are no factors: what is measured or summarised, and the seed.
MEASURED = {"seed"}.union(
    *(RUN_COLUMNS, PROFILE_COLUMNS, CELL_COLUMNS, CURVE_COLUMNS, THEORY_COLUMNS, TUNING_COLUMNS, LR_COLUMNS)
) - (FACTORS.keys() - {"seed"})

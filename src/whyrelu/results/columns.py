"""Columns of all tables but runs, history, cells and curves, which results.tables has, with their pandas dtypes.

Layers are convolutions, 1 nearest the input. Epoch 0 is the network as it was initialised. Norms of gradients are of
cross-entropy in nats. Numbers that were not measured, or are not finite, are missing. What varies over many orders of
magnitude has 8 bytes, fractions have 4.
"""

from __future__ import annotations

# layers.parquet: one row per run, epoch and layer; definitions in whyrelu.diagnostics.
LAYER_COLUMNS = {
    "run_id": "str",
    "epoch": "int64",
    "layer": "int64",
    # root mean square over images of norm(dL_i / dh_i), h the preactivations of the layer
    "gradient": "float64",
    # norm of dL/dW, L the mean loss of the probe images
    "weight_gradient": "float64",
    # norm(delta W) / norm(W) of one step, the middle one of the epoch; missing at epoch 0
    "update": "float64",
    # fraction of units with abs(phi'(h)) <= 5% of its maximum
    "saturated": "float32",
    # of the units saturated one epoch earlier, the fraction that is not any more
    "desaturated": "float32",
    # mean of phi'(h)^2 over units, relative to nothing
    "slope_square": "float64",
    # fraction of channels whose output is the same for all images; those that were not dead one epoch earlier, and
    # those that were and are not any more, as fractions of all channels
    "dead": "float32",
    "died": "float32",
    "revived": "float32",
    # root mean square over units of the standard deviation across images, relative to that of h itself
    "collapse": "float64",
    # E[a]^2 / E[a^2] of the outputs a
    "mean_shift": "float32",
    # E[h^2]
    "q": "float64",
    # exp(entropy of the normalised singular values) of the centred outputs; at init, in the middle and at the end
    "effective_rank": "float32",
    # whether norms per image are exact: they are not where a norm mixes the images of a batch
    "exact": "bool",
}

# spectra.parquet: one row per run and epoch, at init, in the middle and at the end.
SPECTRA_COLUMNS = {
    "run_id": "str",
    "epoch": "int64",
    # singular values of d logits / d image, squared: their mean (Hutchinson) and the largest (power iteration)
    "jacobian_mean_square": "float64",
    "jacobian_largest_square": "float64",
    # eigenvalue of largest magnitude of the Hessian of the mean loss, with its sign
    "hessian_largest": "float64",
    # whether the Jacobian of each image is exact: it is not where a norm mixes the images of a batch
    "exact": "bool",
}

# Columns that profiles.parquet has of layers.parquet, averaged over the runs of a cell: what varies over orders of
# magnitude by the geometric mean, fractions by the arithmetic one.
GEOMETRIC = ("gradient", "weight_gradient", "update", "q", "collapse")
ARITHMETIC = (
    "saturated",
    "desaturated",
    "slope_square",
    "dead",
    "died",
    "revived",
    "mean_shift",
    "effective_rank",
)

# profiles.parquet: the factors of the cell, and per epoch and layer these; predictions at epoch 0 only.
PROFILE_COLUMNS = {
    "epoch": "int64",
    "layer": "int64",
    # runs with a finite gradient at this layer and epoch
    "n": "int64",
    **{name: "float64" for name in (*GEOMETRIC, *ARITHMETIC)},
    # gradient of this layer divided by that of the last, geometric mean and extremes over the runs
    "gradient_relative": "float64",
    "gradient_relative_low": "float64",
    "gradient_relative_high": "float64",
    "exact": "bool",
    "predicted_q": "float64",
    "predicted_gradient_relative": "float64",
    "predicted_collapse": "float64",
}

# theory.parquet: the factors of the cell, and per layer the mean-field prediction at init.
THEORY_COLUMNS = {
    "layer": "int64",
    # E[h^2]
    "q": "float64",
    # chi_1(q_l): what E norm(dL/dh)^2 is multiplied by from layer l + 1 to l, zero padding aside; missing at the last;
    # with shortcuts gradient_ratio^2
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

# convergence.parquet: one row per run and threshold; conf/claims declares the thresholds.
CONVERGENCE_COLUMNS = {
    "run_id": "str",
    # validation accuracy, fraction of 1
    "threshold": "float64",
    # the first training step at which it was reached on two evaluations in a row; if never, the last step
    "step": "int64",
    "reached": "bool",
}

# run_convergence.parquet: one row per run.
RUN_CONVERGENCE_COLUMNS = {
    "run_id": "str",
    # mean validation accuracy over epochs
    "area": "float64",
    # training steps in epochs with a train loss above ln(classes) - 0.02
    "plateau_steps": "int64",
}

# contrasts.parquet: one row per test of a claim. Numbers that a test does not have are missing.
CONTRAST_COLUMNS = {
    # id of the claim
    "claim": "str",
    # what is the same in all runs of the test, as far as it varies in the study, e.g. "norm=batch"; "" otherwise
    "facet": "str",
    # what is compared, e.g. "relu - sigmoid", or the activation that is measured alone
    "comparison": "str",
    # missing for all depths together
    "depth": "Int64",
    # what of, in words, e.g. "test accuracy"
    "quantity": "str",
    # the estimate with its 95% interval, in the unit, e.g. "points" (hundredths of an accuracy or a fraction)
    "effect": "float64",
    "unit": "str",
    "low": "float64",
    "high": "float64",
    # runs (blocks, of times) of the first and second arm; the second is missing if there is only one
    "n_first": "Int64",
    "n_second": "Int64",
    # as the test gives it, and after Holm's correction within its family
    "p": "float64",
    "p_adjusted": "float64",
    # the same of a test that the two are equal within a margin (or the first not worse), where the claim has one
    "p_equality": "float64",
    "p_equality_adjusted": "float64",
    "hedges_g": "float64",
    # P(first > second) + P(first = second) / 2
    "superiority": "float64",
    "superiority_low": "float64",
    "superiority_high": "float64",
    # what the rule makes of it: better, worse, higher, lower, faster, slower, equivalent, not worse, inconclusive; of a
    # single activation above, below (a bound), inside, outside; of exact numbers bounded, unbounded, some, none,
    # reached, not reached
    "outcome": "str",
    # seeds per arm with which an inconclusive one would be settled with a power of 80%, if the estimate is right
    "seeds_needed": "Int64",
    # whether it depends on times (timing.json), which differ between machines and never reproduce
    "timed": "bool",
}

# tuning.parquet: the columns of runs.parquet, for the runs of a tuning, and these.
TUNING_COLUMNS = {
    # id of the cell, and of its group: the cells it is compared with, which differ from it in the activation only
    "cell": "str",
    "group": "str",
    # at the last epoch; it decides between rates whose validation accuracies do not
    "val_loss": "float64",
}

# lr.csv: the id of the cell, its factors but lr, and these.
LR_COLUMNS = {
    # the chosen rate, and the mean validation accuracy over its tuning runs
    "lr": "float64",
    "val_accuracy": "float64",
    "n": "int64",
    # how many rates were tried, and the ends of their grid
    "rates": "int64",
    "lowest": "float64",
    "highest": "float64",
    # width of {lr: mean validation accuracy within one point of the best}, half a decade for each rate
    "decades": "float64",
    # "", "edge" (the best rate is the last of the grid, extended as far as it may be) or "none learned"
    "flag": "str",
}

# shares.parquet, of a factorial study: shares of the variance of test accuracy.
SHARE_COLUMNS = {"term": "str", "share": "float64", "low": "float64", "high": "float64"}

# Scalars of a run in runs.parquet (and in run.json among its metrics), all made of the rows above: `init` is epoch 0,
# `end` the last one measured.
SUMMARY_COLUMNS = (
    # log10 of the gradient of the last layer over that of the first: decades lost on the way back
    "gradient_decades_init",
    "gradient_decades_end",
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
)

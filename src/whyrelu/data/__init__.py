"""Data sets: raw files become memory-mapped arrays once (`prepare`), and arrays become splits and batches in each run.

    conf/data/<name>.yaml -> sources -> prepare -> <prepared_root>/<name>/ -> arrays.load -> split, batches, augment

Nothing after `prepare` knows where a set came from.
"""

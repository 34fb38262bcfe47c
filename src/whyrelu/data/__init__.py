"""Data sets: from raw files to memory-mapped arrays (`preparation`), and from arrays to splits and batches.

    conf/data/<name>.yaml -> preparation.prepare -> <prepared_root>/<name>/ -> arrays.load -> split, normalisation,
    augmentation

The raw files of torchvision sets are found, checked or fetched by `downloads` and read by `torchvision_sets`; sets that
are not torchvision's by a function of `sources`. Nothing after `prepare` knows where a set came from.
"""

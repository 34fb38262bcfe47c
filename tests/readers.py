"""Readers of data sets as a person would write them, right and wrong."""

import os
import time

from raw_files import image_set
from whyrelu.data.raw_data import RawData


def mine(data):
    """What a person's own reader looks like."""
    images, labels = image_set(30, 8, 1)
    return RawData(images, labels, ("a", "b", "c"), images[:9], labels[:9])


def mine_slowly(data):
    with open(os.environ["READER_LOG"], "a") as log:
        log.write("read\n")
    time.sleep(1)
    return mine(data)


def not_data(data):
    return None


def one_class(data):
    images, labels = image_set(30, 8, 1, classes=1)
    return RawData(images, labels, ("a",), images, labels)


def no_such_label(data):
    images, labels = image_set(30, 8, 1)
    return RawData(images, labels, ("a", "b"), images, labels)


def floats(data):
    images, labels = image_set(30, 8, 1)
    return RawData(images / 255, labels, ("a", "b", "c"), images, labels)


def few_labels(data):
    images, labels = image_set(30, 8, 1)
    return RawData(images, labels[:29], ("a", "b", "c"), images, labels)

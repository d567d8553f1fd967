"""Predicted: a data set with the labels that a model predicts, as one more column."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from biaskit.clarify.predictors.predictor import Predictor
from biaskit.clarify.tables.datasets import Dataset
from biaskit.clarify.tables.frames import frame_of
from biaskit.clarify.tables.typed import dtypes_of_frame
from biaskit.sources.dispatch import source_of

__all__ = ["with_predictions"]

_NAME = "predicted_label"


def with_predictions(dataset: Dataset, predictor: Predictor) -> Dataset:
    """Data set with the model's label of each row; the rows are then in memory.

    Raises
    ------
    DataError
        The model cannot be asked, or its answer is not what it should be.
    """
    import pandas as pd

    frame = frame_of(dataset, dataset.names)
    labels = predictor.labels(frame[[*dataset.features]])
    name = _NAME
    while name in frame.columns:
        name += "_2"
    frame[name] = pd.Series([_plain(one) for one in labels], index=frame.index)
    return replace(
        dataset,
        source=source_of(frame),
        names=(*dataset.names, name),
        predicted=name,
        dtypes=dtypes_of_frame(frame),
        is_json=False,
    )


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value

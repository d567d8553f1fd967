"""Origins: the one column of the data that each output of a pipeline's steps is made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.explanations.declined import Declined

__all__ = ["Origins", "origins_of"]


class Origins(NamedTuple):
    """Which feature each of some columns is made of."""

    #: Index of the feature, by column.
    of: NDArray[np.int32]
    #: Number of features.
    features: int

    @classmethod
    def same(cls, features: int) -> Origins:
        """Columns that are the features themselves."""
        return cls(np.arange(features, dtype=np.int32), features)

    def by_feature(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Columns in the order of their features, and where those of each feature start."""
        columns = np.argsort(self.of, kind="stable").astype(np.int64)
        starts = np.searchsorted(self.of[columns], np.arange(self.features + 1))
        return columns, starts.astype(np.int64)


def origins_of(steps: Iterable[tuple[str, Any]], features: int) -> Origins:
    """Origins of what steps of scikit-learn make of the columns of the data.

    Parameters
    ----------
    steps
        Fitted steps with their names, in their order.
    features
        Number of columns of the data.

    Raises
    ------
    Declined
        A step makes a number of several columns, or it is unknown whether it does.
    """
    found = _after(steps, range(features))
    return Origins(np.array(found, dtype=np.int32), features)


def _after(steps: Iterable[tuple[str, Any]], origins: Sequence[int]) -> Sequence[int]:
    """Origins after some steps; `origins` are those before."""
    for name, step in steps:
        if step is not None and step != "passthrough":
            origins = _of_step(name, step, origins)
    return origins


def _of_step(
    name: str, step: Any, origins: Sequence[int], width: int | None = None
) -> Sequence[int]:
    """Origins after a step; `width` is the number of its outputs where that is known."""
    import sklearn.compose
    import sklearn.pipeline

    if step is None or step == "passthrough":
        return origins
    match step:
        case sklearn.compose.ColumnTransformer():
            return _of_column_transformer(step, origins)
        case sklearn.pipeline.FeatureUnion():
            parts = [(of, one) for of, one in step.transformer_list if one != "drop"]
            return [at for of, one in parts for at in _of_step(of, one, origins)]
    if width is not None and len(set(origins)) == 1:  # of one column, whatever is made of it
        return [origins[0]] * width
    if isinstance(step, sklearn.pipeline.Pipeline):
        return _after(step.steps, origins)
    found = _of_transformer(step, origins)
    if found is None and len(set(origins)) == 1 and (width := _width(step)) is not None:
        return [origins[0]] * width
    if found is None:
        raise Declined(f"a step {name!r} ({type(step).__name__}) that {_mixes(step)}")
    return found


def _of_column_transformer(step: Any, origins: Sequence[int]) -> Sequence[int]:
    places = step.output_indices_
    made = [0] * max((one.stop for one in places.values()), default=0)
    for name, one, _ in step.transformers_:
        where = places[name]
        if one == "drop" or where.start == where.stop:
            continue
        taken = [origins[at] for at in step._transformer_to_input_indices[name]]
        found = _of_step(name, one, taken, where.stop - where.start)
        if len(found) != where.stop - where.start:
            raise Declined(f"a step {name!r} ({type(one).__name__}) that makes unknown columns")
        made[where] = found
    return made


def _of_transformer(step: Any, origins: Sequence[int]) -> Sequence[int] | None:
    """Origins after a transformer of scikit-learn that works column by column; None for others."""
    import sklearn.feature_selection as f
    import sklearn.impute as i
    import sklearn.preprocessing as p

    match step:
        case (
            p.StandardScaler()
            | p.MinMaxScaler()
            | p.MaxAbsScaler()
            | p.RobustScaler()
            | p.PowerTransformer()
            | p.QuantileTransformer()
            | p.Binarizer()
            | p.OrdinalEncoder()
        ):
            return origins
        case p.FunctionTransformer() if step.func is None or _is_elementwise(step.func):
            return origins
        case i.SimpleImputer():
            kept = [at for at, is_kept in zip(origins, _is_imputed(step), strict=True) if is_kept]
            extra = step.indicator_.features_ if step.add_indicator else ()
            return [*kept, *(origins[at] for at in extra)]
        case i.MissingIndicator():
            return [origins[at] for at in step.features_]
        case p.OneHotEncoder():
            return _repeated(origins, _sizes_of_one_hot(step))
        case p.TargetEncoder():
            several = step.target_type_ == "multiclass"
            return _repeated(origins, [len(step.classes_) if several else 1] * len(origins))
        case p.KBinsDiscretizer():
            return origins if step.encode == "ordinal" else _repeated(origins, step.n_bins_)
        case p.SplineTransformer():
            return _repeated(origins, [step.n_features_out_ // len(origins)] * len(origins))
        case f.SelectorMixin():
            return [origins[at] for at in step.get_support(indices=True)]
    return None


def _is_elementwise(function: Any) -> bool:
    """Whether a function is one of NumPy's that computes each number from one number."""
    return isinstance(function, np.ufunc) and function.nin == function.nout == 1


def _is_imputed(step: Any) -> Sequence[bool]:
    """Whether an imputer keeps each column; it drops those in which it has seen no value."""
    if step.keep_empty_features:
        return [True] * len(step.statistics_)
    return [not (isinstance(one, float) and np.isnan(one)) for one in step.statistics_.tolist()]


def _sizes_of_one_hot(step: Any) -> Sequence[int]:
    """Number of outputs of each column: its categories, the infrequent as one, but the dropped."""
    sizes = [len(one) for one in step.categories_]
    if getattr(step, "_infrequent_enabled", False):
        rare = step.infrequent_categories_
        sizes = [
            size - (0 if one is None else len(one) - 1)
            for size, one in zip(sizes, rare, strict=True)
        ]
    if step.drop_idx_ is not None:
        sizes = [size - (at is not None) for size, at in zip(sizes, step.drop_idx_, strict=True)]
    return sizes


def _repeated(origins: Sequence[int], sizes: Iterable[int]) -> Sequence[int]:
    return [at for at, size in zip(origins, sizes, strict=True) for _ in range(size)]


def _width(step: Any) -> int | None:
    """Number of outputs that a step names; None where it names none."""
    names = getattr(step, "get_feature_names_out", None)
    return None if names is None else len(names())


def _mixes(step: Any) -> str:
    """What a step does with several columns, in words."""
    import sklearn.preprocessing as p

    match step:
        case p.PolynomialFeatures():
            return "multiplies columns by each other"
        case p.Normalizer():
            return "divides the columns of a row by their norm"
        case p.FunctionTransformer():
            return "calls a function of several columns"
    if type(step).__name__ in ("KNNImputer", "IterativeImputer"):
        return "fills a column from the others"
    if type(step).__module__.startswith("sklearn."):
        return "makes numbers of several columns"
    return "may make numbers of several columns"

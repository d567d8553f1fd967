"""CatBoost: its classifiers and regressors, whose trees shap reads."""

from __future__ import annotations

from typing import Any

from biaskit.explanations.floats import RowTable
from biaskit.explanations.models.estimators import answered, classes_of, columns_of, outputs_of
from biaskit.explanations.models.model import Floats, ForShap, Model, Outputs, wide

__all__ = ["of_catboost"]


def of_catboost(model: Any) -> Model:
    """Model of an object of CatBoost."""
    classes = classes_of(model)
    is_classifier = bool(classes) or hasattr(model, "predict_proba")

    def margin(rows: Any) -> Any:
        return model.predict(rows, prediction_type="RawFormulaVal")

    def own(table: RowTable, rows: Floats) -> Floats:
        return wide(margin(table.frame(rows)), len(rows))

    def outputs(scale: str, table: RowTable, some: Floats) -> Outputs:
        if scale == "probability":
            return outputs_of(model, scale, table, some)
        unit = "margin" if is_classifier else "output"
        return answered(margin, table, some, classes, "raw", unit)

    return Model(
        columns=columns_of(model),
        outputs=outputs,
        for_shap=ForShap(model, own, classes, "margin"),
    )

"""Leaves: columns of a Parquet file that the kernels read, by their types."""

from __future__ import annotations

from typing import Any

from biaskit.sources.encode import Encoder, kind_of
from biaskit.sources.parquet.layout import Leaf
from biaskit.store.arrays import is_bytes, is_unicode

__all__ = ["MOST_BINS", "leaf_of"]

#: Most bins that a byte can encode; one more code is for missing values.
MOST_BINS = 254
# From here on, several integers share one float.
_EXACT = 2.0**53


def leaf_of(schema: Any, types: Any, column: str, encoder: Encoder | None) -> Leaf | None:
    """Column as the kernels read it; None for one that they do not support.

    Parameters
    ----------
    schema, types
        The file's schema, as Parquet and as Arrow have it.
    column, encoder
        The column's name, and its encoder; the weight has none.
    """
    import pyarrow.types as t

    paths = [schema.column(i).path for i in range(len(schema))]
    found = [i for i, path in enumerate(paths) if path == column]
    type_ = types.field(column).type
    value = type_.value_type if t.is_dictionary(type_) else type_
    if len(found) != 1 or t.is_nested(value):
        return None
    leaf = schema.column(found[0])
    if leaf.max_repetition_level != 0 or leaf.max_definition_level > 1:
        return None
    physical = leaf.physical_type
    # Cut columns and weights must be numeric; anything else goes to Arrow, whose path raises.
    must_be_numbers = encoder is None or bool(encoder.keep)
    in_pages = False
    if physical == "BYTE_ARRAY":
        fits = in_pages = (is_unicode(value) or is_bytes(value)) and not must_be_numbers
    elif physical == "BOOLEAN":
        fits = in_pages = t.is_boolean(value) and not must_be_numbers
    else:
        is_integer = physical.startswith("INT") and t.is_integer(value)
        is_float = physical in ("FLOAT", "DOUBLE") and t.is_floating(value)
        fits = is_integer or is_float or _follows(value, physical, leaf.length)
        fits = fits and (kind_of(value) == "number" or not must_be_numbers)
        in_pages = must_be_numbers and (is_float or t.is_signed_integer(value))
        if encoder is not None:  # the kernels convert integers to floats
            is_exact = is_float or all(abs(edge) < _EXACT for edge in encoder.edges)
            in_pages = in_pages and is_exact and len(encoder.keep) <= MOST_BINS
    if not fits:
        return None
    is_optional = leaf.max_definition_level == 1
    return Leaf(column, found[0], is_optional, physical, value, in_pages, leaf.length)


def _follows(type_: Any, physical: str, length: int) -> bool:
    """Whether values of an Arrow type are derived from stored integers."""
    import pyarrow.types as t

    match physical:
        case "INT32":
            return bool(t.is_date32(type_) or t.is_time32(type_) or t.is_decimal128(type_))
        case "INT64":
            return bool(t.is_timestamp(type_) or t.is_time64(type_) or t.is_decimal128(type_))
        case "FIXED_LEN_BYTE_ARRAY":
            return bool(t.is_decimal128(type_)) and 0 < length <= type_.bit_width // 8
    return False

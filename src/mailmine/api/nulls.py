"""Null for what may be left out: many clients write it for whatever nobody has set."""

from typing import Any

from msgspec.inspect import (
    AnyType,
    DictType,
    Metadata,
    NoneType,
    StructType,
    Type,
    UnionType,
    VarTupleType,
    type_info,
)


def left_out(value: Any, shape: Any) -> Any:
    """Leave out of JSON, which is to be of this shape, each null that has no meaning where it stands."""
    return _of(value, type_info(shape))


def _of(value: Any, kind: Type) -> Any:
    match kind:
        case Metadata():
            return _of(value, kind.type)
        case UnionType():
            for each in kind.types:
                value = _of(value, each)
        case StructType() if isinstance(value, dict):
            fields = {one.encode_name: one for one in kind.fields}
            means = {name: one.required or _takes_null(one.type) for name, one in fields.items()}
            return {
                name: _of(one, fields[name].type) if name in fields else one
                for name, one in value.items()
                if one is not None or means.get(name, True)
            }
        case DictType() if isinstance(value, dict):
            return {name: _of(one, kind.value_type) for name, one in value.items()}
        case VarTupleType() if isinstance(value, list):
            return [_of(one, kind.item_type) for one in value]
    return value


def _takes_null(kind: Type) -> bool:
    match kind:
        case Metadata():
            return _takes_null(kind.type)
        case UnionType():
            return any(map(_takes_null, kind.types))
    return isinstance(kind, NoneType | AnyType)

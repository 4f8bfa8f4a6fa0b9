"""The parameters of a flow: checked when a run is asked for, not when it starts.

They come from the signature; pydantic checks them, and every one that is wrong is told at once.
"""

from __future__ import annotations

import enum
import inspect
import json
import types
import typing
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from catalog.errors import InvalidInput
from jobs.errors import InvalidParameters
from jobs.model import Parameter
from jobs.secrets import MASK, masker

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

    from jobs.flow import Flow


@lru_cache(maxsize=256)
def model_of(flow: Flow) -> type[BaseModel]:
    """The pydantic model of a flow's parameters.

    Raises:
        InvalidInput: an annotation cannot be understood.
    """
    from pydantic import ConfigDict, Field, create_model
    from pydantic.errors import PydanticUserError

    hints = _hints(flow)
    fields: dict[str, Any] = {}
    for name, parameter in flow.signature.parameters.items():
        kind = hints.get(name, Any)
        default: Any = ... if parameter.default is parameter.empty else parameter.default
        if parameter.kind is parameter.VAR_POSITIONAL:
            kind, default = list[kind], []  # type: ignore[valid-type]  # made at run time
        elif parameter.kind is parameter.VAR_KEYWORD:
            kind, default = dict[str, kind], {}  # type: ignore[valid-type]  # made at run time
        # By alias: a parameter may be called as something that pydantic keeps to itself.
        fields[f"p_{name}"] = (kind, Field(default, alias=name))
    config = ConfigDict(arbitrary_types_allowed=True, extra="forbid", hide_input_in_errors=True)
    try:
        made: type[BaseModel] = create_model(
            f"Parameters of {flow.name}", __config__=config, **fields
        )
    except (PydanticUserError, TypeError, NameError) as error:
        first = str(error).splitlines()[0]
        raise InvalidInput(
            f"The parameters of flow {flow.name!r} make no sense: {first}"
        ) from error
    return made


def _hints(flow: Flow) -> dict[str, Any]:
    """The annotations; one that is there for type checkers only may be anything when it runs."""
    try:
        return typing.get_type_hints(flow.fn, include_extras=True)
    except (NameError, TypeError, AttributeError, SyntaxError):
        names = getattr(flow.fn, "__globals__", {})
        return {n: _hint(a, names) for n, a in flow.fn.__annotations__.items()}


def _hint(annotation: Any, names: dict[str, Any]) -> Any:
    holder = types.SimpleNamespace(__annotations__={"it": annotation})
    try:
        return typing.get_type_hints(holder, names, include_extras=True)["it"]
    except (NameError, TypeError, AttributeError, SyntaxError):
        return Any


def check(flow: Flow, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as the flow gets them.

    Args:
        flow: which.
        values: by name; what is missing takes its default.

    Raises:
        InvalidParameters: with all that is wrong.
    """
    from pydantic import ValidationError

    if not flow.options.validate_parameters:
        return _unchecked(flow, values)
    model = model_of(flow)
    try:
        found = model.model_validate(dict(values))
    except ValidationError as error:
        raise InvalidParameters(flow.name, _told(error, flow)) from error
    checked = {name: getattr(found, f"p_{name}") for name in flow.signature.parameters}
    _learn_secrets(checked)
    return checked


def _unchecked(flow: Flow, values: Mapping[str, Any]) -> dict[str, Any]:
    known = flow.signature.parameters
    wrong = {name: "there is no such parameter" for name in values if name not in known}
    for name, parameter in known.items():
        optional = parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}
        if name not in values and parameter.default is parameter.empty and not optional:
            wrong[name] = "it is missing"
    if wrong:
        raise InvalidParameters(flow.name, wrong)
    defaults = {n: p.default for n, p in known.items() if p.default is not p.empty}
    given = {**defaults, **values}
    hints = _hints(flow)
    masker.learn(*(str(v) for n, v in given.items() if _is_secret(hints.get(n)) and v))
    return given


def _told(error: ValidationError, flow: Flow) -> dict[str, str]:
    """What is wrong by parameter, in words; a list tells which item, a model which field."""
    found: dict[str, list[str]] = {}
    for each in error.errors(include_url=False, include_input=False, include_context=False):
        name, *inside = (
            f"item {part + 1}" if isinstance(part, int) else part for part in each["loc"]
        )
        why = _WORDS.get(each["type"], each["msg"][:1].lower() + each["msg"][1:])
        if each["type"] == "missing" and inside:
            why = "it is missing"
        place = f"{'.'.join(inside)}: " if inside else ""
        found.setdefault(name, []).append(masker.mask(place + why))
    order = [*flow.signature.parameters, *found]
    return {name: "; ".join(found[name]) for name in dict.fromkeys(order) if name in found}


_WORDS = {
    "missing": "it is missing",
    "extra_forbidden": "there is no such parameter",
    "list_type": 'it takes a list, such as ["a", "b"] or [1, 2]',
    "dict_type": 'it takes an object, such as {"a": 1}',
}


def _learn_secrets(values: Mapping[str, Any]) -> None:
    for value in values.values():
        masker.learn(*_secrets_in(value))


def _secrets_in(value: Any, depth: int = 0) -> list[str]:
    """The secret texts inside a value."""
    reveal = getattr(value, "get_secret_value", None)
    if reveal is not None:
        opened = reveal()
        return [opened.decode(errors="replace") if isinstance(opened, bytes) else str(opened)]
    if depth > 4:
        return []
    inside: Any = ()
    if isinstance(value, Mapping):
        inside = value.values()
    elif isinstance(value, list | tuple | set):
        inside = value
    elif hasattr(type(value), "model_fields"):
        inside = vars(value).values()
    return [found for item in inside for found in _secrets_in(item, depth + 1)]


def stored(flow: Flow, checked: Mapping[str, Any], *, reveal: bool = False) -> dict[str, Any]:
    """The values as JSON, as they are kept with a run.

    Args:
        flow: which.
        checked: what `check` gave.
        reveal: with the secrets, for a process that runs the flow; never for the store.
    """
    found: dict[str, Any] = {}
    for name, value in checked.items():
        if _is_json(value):  # most are, and pydantic takes its time to be imported
            found[name] = value
        else:
            found[name] = _as_json(flow, name, _opened(value) if reveal else value)
    return found if reveal else dict(masker.masked(found))


def require_same(flow: Flow, checked: Mapping[str, Any], sent: Mapping[str, Any]) -> None:
    """Refuse values that would reach a flow's own process as others.

    Raises:
        InvalidParameters: by the names of those values.
    """
    found = check(flow, sent)
    wrong = {}
    for name, value in checked.items():
        try:
            same = type(found[name]) is type(value) and bool(found[name] == value or value != value)
        except Exception:  # noqa: BLE001 - an object of any library, which compares as it likes
            same = False
        if not same:
            kind = type(value).__name__
            wrong[name] = (
                f"a {kind} does not reach another process as it is; annotate it, or call the flow"
            )
    if wrong:
        raise InvalidParameters(flow.name, wrong)


def _is_json(value: Any) -> bool:
    if type(value) is list:
        return all(map(_is_json, value))
    if type(value) is dict:
        return all(type(k) is str and _is_json(v) for k, v in value.items())
    return value is None or type(value) in {bool, int, str}


def _as_json(flow: Flow, name: str, value: Any) -> Any:
    from pydantic import TypeAdapter
    from pydantic_core import PydanticSerializationError, to_jsonable_python

    try:
        return to_jsonable_python(value)
    except (PydanticSerializationError, ValueError, RecursionError):
        hints = _hints(flow) if flow.options.validate_parameters else {}
    try:
        return TypeAdapter(hints.get(name, Any)).dump_python(value, mode="json")
    except Exception:  # noqa: BLE001 - an object of any library: only its kind is told
        return f"<{type(value).__name__}>"


def _opened(value: Any) -> Any:
    if hasattr(value, "get_secret_value"):
        return value.get_secret_value()
    if hasattr(type(value), "model_fields"):
        return {name: _opened(item) for name, item in vars(value).items()}
    if isinstance(value, Mapping):
        return {key: _opened(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_opened(item) for item in value]
    return value


def has_masked(values: Any) -> bool:
    """Whether a kept value lacks a secret, so that a run cannot be made of it again."""
    return MASK in json.dumps(values, ensure_ascii=False)


def from_texts(flow: Flow, texts: Mapping[str, str]) -> dict[str, Any]:
    """Values of what a person typed: `-p months=[1,2]`, the fields of a form.

    A text that the parameter takes as it is stays a text; else it is read as JSON.
    """
    hints = _hints(flow)
    return {name: _from_text(hints.get(name, Any), text) for name, text in texts.items()}


def _from_text(kind: Any, text: str) -> Any:
    from pydantic import TypeAdapter, ValidationError

    if kind is not Any:
        try:
            TypeAdapter(kind, config=_config(kind)).validate_python(text)
        except ValidationError:
            pass
        else:
            return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _config(kind: Any) -> Any:
    from pydantic import ConfigDict

    plain = not isinstance(kind, type) or not hasattr(kind, "__pydantic_fields__")
    is_own = hasattr(kind, "__dataclass_fields__") or typing.is_typeddict(kind)
    return ConfigDict(arbitrary_types_allowed=True) if plain and not is_own else None


def schema_of(flow: Flow) -> dict[str, Any]:
    """The JSON schema of the parameters; what pydantic cannot tell stands there as any value."""
    from pydantic.json_schema import GenerateJsonSchema

    class Lenient(GenerateJsonSchema):
        def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> dict[str, Any]:
            return {}

        ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}

    found = model_of(flow).model_json_schema(by_alias=True, schema_generator=Lenient)
    found.pop("title", None)
    return found


def fields_of(flow: Flow) -> tuple[Parameter, ...]:
    """The parameters as a form shows them."""
    hints = _hints(flow)
    found = []
    for name, parameter in flow.signature.parameters.items():
        kind = hints.get(name, Any)
        required = parameter.default is parameter.empty
        default = None if required else _typed(stored(flow, {name: parameter.default})[name])
        default = "" if parameter.default is None else default
        told = typing.get_args(kind) if typing.get_origin(kind) is typing.Annotated else ()
        description = next((str(t.description) for t in told if _describes(t)), "")
        found.append(
            Parameter(
                name, _word(kind), required, default, _choices(kind), description, _is_secret(kind)
            )
        )
    return tuple(found)


def _describes(told: Any) -> bool:
    return bool(getattr(told, "description", None))


def _typed(value: Any) -> str:
    """A kept value as the text that a person would type for it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def texts_of(values: Mapping[str, Any]) -> dict[str, str]:
    """Kept values as the texts of a form."""
    return {name: "" if value is None else _typed(value) for name, value in values.items()}


def _bare(kind: Any) -> Any:
    if typing.get_origin(kind) is typing.Annotated:
        return _bare(typing.get_args(kind)[0])
    if typing.get_origin(kind) in {typing.Union, types.UnionType}:
        real = [arg for arg in typing.get_args(kind) if arg is not type(None)]
        return _bare(real[0]) if len(real) == 1 else kind
    return kind


def _word(kind: Any) -> str:
    bare = _bare(kind)
    if bare is inspect.Parameter.empty or bare is Any:
        return "anything"
    if _choices(bare):
        return "one of " + ", ".join(_choices(bare)[:6])
    origin, inside = typing.get_origin(bare), typing.get_args(bare)
    if origin in {list, set, tuple} and inside:
        return f"list of {_word(inside[0])}"
    words = {str: "text", bool: "true or false", float: "number", dict: "JSON"}
    return words.get(bare, getattr(bare, "__name__", str(bare)))


def _choices(kind: Any) -> tuple[str, ...]:
    bare = _bare(kind)
    if typing.get_origin(bare) is typing.Literal:
        return tuple(str(choice) for choice in typing.get_args(bare))
    if isinstance(bare, type) and issubclass(bare, enum.Enum):
        return tuple(str(member.value) for member in bare)
    return ()


def _is_secret(kind: Any) -> bool:
    return hasattr(_bare(kind), "get_secret_value")

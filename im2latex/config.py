"""Parameters: sections of params.yaml as frozen, validated objects.

Every package declares its `Params` subclasses beside the code that they configure. This module fills them, and says in
one sentence which key is wrong, what rule it breaks and what would be right.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from im2latex.errors import InputError, ParamsError


class Params(BaseModel):
    """Base of all parameter sections: frozen; unknown keys, and numbers that are infinite or NaN, are errors."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", protected_namespaces=(), defer_build=True, allow_inf_nan=False
    )


P = TypeVar("P", bound=Params)

RENAMED_KEYS: dict[str, str] = {
    "render.renderer.template.room_px": "render.renderer.template.max_margin_px",
    "corpus": "dataset",
    "bucket.max_shapes": "bucket.max_buckets",
    "bucket.token_pixels": "bucket.token_cost_px",
    "normalize.normalizer.rules_off": "normalize.normalizer.disable_rules",
    "normalize.normalizer.rules_on": "normalize.normalizer.enable_rules",
    "tokenize.vocabulary.kind": "tokenize.vocabulary.type",
    "tokenize.vocabulary.merges": "tokenize.vocabulary.token_merges",
    "tokenize.vocabulary.min_count": "tokenize.vocabulary.min_frequency",
    "tokenize.vocabulary.spell": "tokenize.vocabulary.symbol_fallback",
    "tokenize.vocabulary.start": "tokenize.vocabulary.init_from",
    "evaluate.headline": "evaluate.split",
    "evaluate.listed": "evaluate.top_k",
    "render.looks": "render.styles",
    "render.picture": "render.image",
    "predict.batches.max_pictures": "predict.batches.max_images",
    "predict.groups": "predict.num_beam_groups",
    "predict.diversity": "predict.diversity_penalty",
    "predict.alpha": "predict.length_penalty",
    "predict.constrain": "predict.grammar",
    "train.batches.max_pictures": "train.batches.max_images",
    "train.accelerator": "trainer.accelerator",
    "train.accumulate": "train.gradient_accumulation",
    "train.augmentation.light": "train.augmentation.brightness",
    "train.augmentation.off_for_last": "train.augmentation.disable_for_last",
    "train.changes": "train",
    "train.device_memory_mb": "trainer.device_memory_mb",
    "train.devices": "trainer.devices",
    "train.early_stop": "train.early_stopping_patience",
    "train.explode_factor": "train.loss_spike_factor",
    "train.keep": "train.select_checkpoint",
    "train.logs": "trainer.loggers",
    "train.save_every_minutes": "trainer.save_every_minutes",
    "train.score": "train.monitor",
    "train.start": "train.init_from",
    "train.model.reading": "train.model.ctc_head",
    "train.model.encoder.page": "train.model.encoder.image_size",
    "train.model.encoder.timing": "train.model.encoder.positional_encoding",
    "train.model.decoder.start": "train.model.decoder.initial_state",
}
"""Dotted keys of params.yaml that have another name now, and that name: old key -> new key, for one error sentence."""


def load_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping; raises `InputError` where there is none, or where it has a key twice."""
    import yaml  # reading an image does not need it

    try:
        loader = yaml.SafeLoader(path.read_text(encoding="utf-8"))
        node = loader.get_single_node()
        if repeated := _repeated_key(node):
            raise InputError(f"{path}: the key {repeated}; remove one")
        content = loader.construct_document(node) if node else None
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run from the root of the repository") from None
    except (OSError, UnicodeDecodeError, RecursionError, yaml.YAMLError) as error:
        raise InputError(f"{path}: cannot be read as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: must hold a mapping of sections, found {type(content).__name__}")
    return content


def _repeated_key(node: Any, parents: str = "") -> str | None:
    """The first key that a node of YAML has twice, with both lines, as DVC refuses it; None where there is none."""
    kind, lines = getattr(node, "id", ""), dict[str, int]()
    for item in node.value if kind in ("mapping", "sequence") else ():
        name, value = parents, item
        if kind == "mapping":
            key, value = item
            name, line = f"{parents}{key.value}", key.start_mark.line + 1
            if name in lines:
                return f"{name} is set twice, in line {lines[name]} and in line {line}"
            lines[name] = line
            name += "."
        if found := _repeated_key(value, name):
            return found
    return None


def load_section(section: str, kind: type[P], path: Path = Path("params.yaml")) -> P:
    """Read `section` of the file as `kind`; raises `ParamsError` naming the key, the rule and the alternatives."""
    content = load_yaml(path)
    if section not in content:
        raise ParamsError(f"{path}: the section '{section}' is missing; present are {', '.join(map(str, content))}")
    return check(content[section], kind, f"{path}: {section}")


def check_sections(content: Mapping[str, Any], path: Path, known: Iterable[str]) -> None:
    """Raise `ParamsError` where the content of params.yaml has a section that is not known."""
    for name in sorted(content.keys() - set(known)):
        if renamed := renamed_key(str(name)):
            raise ParamsError(f"{path}: {name} is named {renamed} now; rename it")
        raise ParamsError(f"{path}: {name} is not a known section; known are {', '.join(known)}")


def describe_keys(kind: type[Params], prefix: str) -> list[str]:
    """A line for each key of a section and of those inside it: dotted key, type, default, description."""
    lines: list[str] = []
    for name, field in kind.model_fields.items():
        key = f"{prefix}.{name}"
        models = [model for model in nested_models(field.annotation) if issubclass(model, Params)]
        default = "" if models and field.default is not None else f", {_default(field)}"
        lines.append(f"  {key} ({_type_name(field.annotation)}{default})  {field.description or ''}".rstrip())
        for model in models:
            inner = describe_keys(model, key)
            if discriminator_value(model) is not None:
                inner = [line for line in inner if not line.startswith(f"  {key}.name (")]
            lines += inner
    return lines


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    return f"default {'null' if value is None else str(value).lower() if isinstance(value, bool) else value}"


def _type_name(annotation: Any) -> str:
    """A type in the words of params.yaml."""
    if annotation is type(None):
        return "null"
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(map(str, inner))
    if origin is Annotated:
        return _type_name(inner[0])
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(map(_type_name, inner)))
    if origin in (list, tuple, set, frozenset):
        return f"list of {_type_name(inner[0])}" if inner else "list"
    if origin is dict:
        return "mapping"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        tag = discriminator_value(annotation)
        return f"section {tag}" if tag else "section"
    return {int: "integer", float: "number", str: "text", bool: "true or false"}.get(annotation, str(annotation))


def project_section(kind: type[P], *names: str, options: Mapping[str, object] | None = None) -> P:
    """A part of ./params.yaml, or the defaults where there is no such file; options that are given go before it.

    `names` lead to the part, from the stage down; an option that is None was not given.
    """
    path = Path("params.yaml")
    values = load_yaml(path) if path.is_file() else {}
    for name in names:
        values = values.get(name, {})
    given = {key: value for key, value in (options or {}).items() if value is not None}
    return check(values | given, kind, "options" if given else f"{path}: {'.'.join(names)}")


def merge(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the overrides put over it at any depth, key by key.

    A mapping whose key `name` differs, such as another encoder, replaces the earlier one as a whole.
    """
    result = dict(base)
    for key, value in overrides.items():
        earlier = base.get(key)
        if isinstance(value, Mapping) and isinstance(earlier, Mapping):
            same = value.get("name") in (None, earlier.get("name"))
            result[key] = merge(earlier, value) if same else value
        else:
            result[key] = value
    return result


def check(values: Any, kind: type[P], where: str) -> P:
    """Turn plain values into `kind`; `where` leads the sentence of a `ParamsError`."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise ParamsError("; ".join(_sentences(error.errors(), kind, where))) from None


def check_keys(values: Any, kind: type[Params], where: str) -> None:
    """Raise `ParamsError` for a key that `kind` does not have, also where its value is null.

    A class in which null means another default removes such keys before pydantic sees them, in nested sections too.
    """
    if not isinstance(values, Mapping):
        return
    unknown = {key: 0 for key, value in values.items() if value is None}
    for key in sorted(unknown.keys() - kind.model_fields.keys()):
        raise ParamsError(_sentence({"type": "extra_forbidden", "loc": (key,)}, kind, where))
    for key, field in kind.model_fields.items():
        models = nested_models(field.annotation)
        if len(models) == 1 and issubclass(models[0], Params):
            check_keys(values.get(key), models[0], f"{where}.{key}")


def renamed_key(key: str) -> str | None:
    """The present name of a dotted key of params.yaml that was renamed, else None; indices into lists are ignored."""
    return RENAMED_KEYS.get(".".join(step for step in key.split(".") if not step.isdecimal()))


def _sentences(items: Iterable[Any], kind: type[Params], where: str) -> list[str]:
    """A sentence for each value that is wrong; one that fits no member of a union has all their rules in it."""
    found: dict[str, str] = {}
    for item in items:
        sentence = _sentence(item, kind, where)
        key = ".".join(_walk(kind, item["loc"])[0])
        rule = sentence.rpartition(": input should be ")[2]
        found[key] = f"{found[key]}, or {rule}" if key in found else sentence
    return list(found.values())


def _sentence(item: Any, kind: type[Params], where: str) -> str:
    """One pydantic finding in the project's words."""
    steps, fields = _walk(kind, item["loc"])
    full = ".".join([where, *steps])
    if item["type"] == "extra_forbidden":
        if renamed := renamed_key(f"{where.rpartition(': ')[2]}.{'.'.join(steps)}"):
            return f"{full} is named {renamed} now; rename it"
        return f"{full} is not a known key; known here are {', '.join(sorted(fields))}"
    if item["type"] == "missing":
        return f"{full} is missing; add it"
    if item["type"] == "union_tag_not_found":
        return f"{full}.name is missing; add it"
    if item["type"] == "union_tag_invalid":
        return f"{full}.name = {item['ctx']['tag']!r}: known names are {item['ctx']['expected_tags']}"
    if item["type"] == "value_error" and isinstance(item["input"], dict):
        return f"{full}: {item['ctx']['error']}"
    return f"{full} = {item['input']!r}: {item['msg'][0].lower()}{item['msg'][1:]}"


def _walk(kind: type[Params], location: tuple[int | str, ...]) -> tuple[list[str], Iterable[str]]:
    """The steps to a value as the user writes them, and the keys that are allowed beside it.

    pydantic puts the name of a union's member among the steps, which is in no file; it is left out.
    """
    members: list[type[BaseModel]] = [kind]
    steps: list[str] = []
    fields: dict[str, FieldInfo] = {}
    annotation: Any = kind
    for step in location:
        chosen = [member for member in members if discriminator_value(member) == step]
        if len(members) > 1 and chosen:
            members = chosen
            continue
        if isinstance(step, str) and not members and not _has_keys(annotation):
            continue
        steps.append(str(step))
        if isinstance(step, str):
            fields = {name: field for member in members for name, field in member.model_fields.items()}
            annotation = fields[step].annotation if step in fields else dict
            members = nested_models(annotation)
    return steps, fields


def _has_keys(annotation: Any) -> bool:
    """Whether a value of this type may be a mapping."""
    return get_origin(annotation) is dict or annotation is dict or any(map(_has_keys, get_args(annotation)))


def nested_models(annotation: Any) -> list[type[BaseModel]]:
    """The pydantic models in a type annotation: itself, or the members of a union and the items of a list.

    For code that describes a parameter class key by key: `describe_keys`, and the reference of the documentation.
    """
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in nested_models(inner)]


def discriminator_value(model: type[BaseModel]) -> str | None:
    """The value of the key `name` that selects this model in a discriminated union; None where it is in none."""
    field = model.model_fields.get("name")
    values = get_args(field.annotation) if field is not None else ()
    return values[0] if len(values) == 1 and isinstance(values[0], str) else None

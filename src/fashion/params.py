"""params.yaml: its schema, checked before any work."""

import re
import reprlib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from fashion import paths
from fashion.data.facts import CLASSES, IMAGE_SIDE, TRAINING_IMAGES
from fashion.pipeline.errors import ParameterError
from fashion.pipeline.yaml import read_yaml

# Data pruning begins after this many epochs with all images: then the network is good enough to tell the easy ones.
EPOCHS_BEFORE_PRUNING = 2

Fraction = Annotated[float, Field(ge=0, lt=1)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]


class Section(BaseModel):
    """A section of params.yaml: every key is required, no other is allowed, and no value is converted to fit its type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def check_source(source: str) -> str:
    """Return `source` when its form is one that the download knows.

    Raises:
        ValueError: it is none of them.
    """
    if not re.fullmatch(r"https?://[^/\s]+(/\S*)?|(file|folder):.+|apt:[a-z0-9][a-z0-9+.-]+", source):
        raise ValueError("a source is http(s)://HOST/PATH, file:DIRECTORY, apt:PACKAGE or folder:DIRECTORY")
    return source


class DownloadParams(Section):
    """Where the four files come from, in the order in which the sources are tried."""

    sources: Annotated[list[Annotated[str, AfterValidator(check_source)]], Field(min_length=1)]

    @property
    def folder(self) -> str | None:
        """The directory of a data set of your own; None for Fashion-MNIST."""
        kind, _, rest = self.sources[0].partition(":")
        return rest if kind == "folder" else None

    @model_validator(mode="after")
    def check_that_a_folder_stands_alone(self) -> "DownloadParams":
        """Refuse to fill up a data set of one's own with Fashion-MNIST.

        Raises:
            ValueError: there are other sources beside a folder.
        """
        if len(self.sources) > 1 and any(source.startswith("folder:") for source in self.sources):
            raise ValueError("sources: folder:DIRECTORY is a data set of its own; remove the other sources")
        return self


class PrepareParams(Section):
    """How the 60,000 training images are divided."""

    images: Annotated[int, Field(ge=100, le=TRAINING_IMAGES, multiple_of=CLASSES)]
    validation_fraction: Annotated[float, Field(ge=0.01, le=0.9)]
    seed: Seed
    corrections: Annotated[str, Field(pattern=r"^[^/\s][^\s]*\.csv$")]

    @model_validator(mode="after")
    def check_that_images_are_held_out(self) -> "PrepareParams":
        """Refuse a split without validation images.

        Raises:
            ValueError: less than one image of each class would be held out.
        """
        if self.validation_fraction * self.images / CLASSES < 1:
            raise ValueError(
                f"validation_fraction {self.validation_fraction} of {self.images} images "
                f"holds out less than one of each class; raise either"
            )
        return self


Filters = Annotated[int, Field(ge=1, le=1024)]


class CnnParams(Section):
    """The plain network: convolutions without padding, 2x2 max-pooling between them, then two dense layers."""

    filters: Annotated[list[Filters], Field(min_length=1)]
    kernel_size: Annotated[int, Field(ge=1, le=IMAGE_SIDE)]
    dense_units: Annotated[int, Field(ge=1, le=4096)]
    batch_norm: bool

    @model_validator(mode="after")
    def check_that_pixels_remain(self) -> "CnnParams":
        """Refuse a network whose convolutions and poolings use up the image.

        Raises:
            ValueError: a layer would have less than one pixel to look at.
        """
        side = IMAGE_SIDE
        for number in range(1, len(self.filters) + 1):
            side -= self.kernel_size - 1
            if number < len(self.filters):
                side //= 2
            if side < 1:
                raise ValueError(
                    f"convolution {number} of {len(self.filters)} has no pixels left: "
                    f"use fewer filters or a smaller kernel_size"
                )
        return self


class ResnetParams(Section):
    """The residual network: a first convolution, then stages that halve the image, each with residual blocks."""

    stem_filters: Filters
    filters: Annotated[list[Filters], Field(min_length=1, max_length=4)]
    blocks: Annotated[int, Field(ge=0, le=20)]


class BackboneParams(Section):
    """A network trained on ImageNet, and how it is used; `fashion.networks.pretrained` knows the names."""

    name: Annotated[str, Field(pattern=r"^\w+$")]
    weights: Annotated[str, Field(pattern=r"^(imagenet|random|[\w.-]+\.h5)$")]
    image_size: Annotated[int, Field(ge=32, le=512)]
    fine_tune: bool


class ModelParams(Section):
    """The network; `fashion.networks` builds the one that `name` names."""

    name: Literal["cnn", "resnet", "backbone"]
    scaling: Literal["unit", "standard"]
    whiten: bool
    dropout: Fraction
    cnn: CnnParams
    resnet: ResnetParams
    backbone: BackboneParams

    @model_validator(mode="after")
    def check_that_there_is_a_layer_to_whiten(self) -> "ModelParams":
        """Refuse to compute a first layer where it is ImageNet's, or sees one pixel at a time.

        Raises:
            ValueError: `whiten` is true, and `name` is backbone, or cnn with a `kernel_size` of 1.
        """
        if self.whiten and self.name == "backbone":
            raise ValueError("whiten: true is for cnn and resnet; a backbone has its own first layer: set whiten: false")
        if self.whiten and self.name == "cnn" and self.cnn.kernel_size == 1:
            raise ValueError(
                "whiten: true needs a cnn.kernel_size of 2 or more: single pixels have no neighbours to tell apart"
            )
        return self


class AugmentParams(Section):
    """Random changes of the training images, drawn anew in each epoch."""

    flip: Annotated[float, Field(ge=0, le=1)]
    shift: Annotated[int, Field(ge=0, le=IMAGE_SIDE // 2)]
    rotate: Annotated[float, Field(ge=0, le=180)]
    zoom: Fraction
    erase: Annotated[int, Field(ge=0, le=IMAGE_SIDE)]
    mixup: Annotated[float, Field(ge=0, le=10)]
    cutmix: Annotated[float, Field(ge=0, le=1)]


class TrainParams(Section):
    """The training recipe."""

    epochs: Annotated[int, Field(ge=1, le=10_000)]
    patience: Annotated[int, Field(ge=0, le=10_000)]
    precision: Literal["float32", "bfloat16", "auto"]
    batch_size: Annotated[int, Field(ge=1, le=TRAINING_IMAGES)]
    data_pruning: Fraction
    optimizer: Literal["sgd", "nesterov", "rmsprop", "adam", "adamw", "muon"]
    learning_rate: Annotated[float, Field(gt=0, le=10)]
    momentum: Fraction
    weight_decay: Annotated[float, Field(ge=0, lt=1)]
    schedule: Literal["constant", "step", "exponential", "linear", "cosine", "plateau"]
    warmup: Fraction
    label_smoothing: Fraction
    l1: Annotated[float, Field(ge=0, lt=1)]
    l2: Annotated[float, Field(ge=0, lt=1)]
    ema_decay: Fraction

    @model_validator(mode="after")
    def check_that_weight_decay_acts(self) -> "TrainParams":
        """Refuse a weight decay that the optimizer would ignore.

        Raises:
            ValueError: `weight_decay` is not 0 and `optimizer` is adam.
        """
        if self.weight_decay and self.optimizer == "adam":
            raise ValueError(f"weight_decay: {self.weight_decay} needs another optimizer; adam with it is adamw")
        return self

    @model_validator(mode="after")
    def check_that_there_are_epochs_to_prune(self) -> "TrainParams":
        """Refuse a data pruning that would never begin.

        Raises:
            ValueError: `data_pruning` is not 0, and there are no more epochs than those with all images.
        """
        if self.data_pruning and self.epochs <= EPOCHS_BEFORE_PRUNING:
            raise ValueError(
                f"data_pruning: {self.data_pruning} begins after {EPOCHS_BEFORE_PRUNING} epochs "
                f"and needs more epochs than {self.epochs}; raise epochs, or set data_pruning: 0.0"
            )
        return self


class MemberParams(Section):
    """Everything that determines one member of the ensemble, its overrides applied."""

    seed: Seed
    model: ModelParams
    augment: AugmentParams
    train: TrainParams

    @model_validator(mode="after")
    def check_that_penalties_act(self) -> "MemberParams":
        """Refuse penalties that would act on the last layer alone.

        Raises:
            ValueError: `l1` or `l2` is not 0, and a backbone is trained, whose kernels have no penalty.
        """
        if (self.train.l1 or self.train.l2) and self.model.name == "backbone" and self.model.backbone.fine_tune:
            raise ValueError(
                "train.l1 and train.l2 do not reach the kernels of a backbone; set them to 0, and weight_decay instead"
            )
        return self


class EvaluateParams(Section):
    """How the scores are computed."""

    tta: Literal["none", "flip", "flip_shift"]
    calibrate: bool
    calibration_bins: Annotated[int, Field(ge=2, le=1000)]


class PlotParams(Section):
    """What the figures show."""

    predictions: Annotated[int, Field(ge=1, le=100)]
    which: Literal["first", "wrong", "least_confident"]
    confused_pairs: Annotated[int, Field(ge=1, le=20)]
    examples: Annotated[int, Field(ge=1, le=20)]


class Params(Section):
    """The whole of params.yaml."""

    download: DownloadParams
    prepare: PrepareParams
    model: ModelParams
    augment: AugmentParams
    train: TrainParams
    ensemble: dict[str, MemberParams]
    evaluate: EvaluateParams
    plot: PlotParams

    @model_validator(mode="before")
    @classmethod
    def apply_overrides(cls, tree: Any) -> Any:
        """Complete each member of `ensemble` with the sections `model`, `augment` and `train`, which its own lines override.

        Raises:
            ValueError: there is no member, or one has a name that cannot name its file.
        """
        if not isinstance(tree, dict):
            return tree
        members = tree.get("ensemble")
        if not isinstance(members, dict):
            return tree
        if not members:
            raise ValueError("ensemble: at least one member is needed, such as `model: {seed: 0}`")
        for name in members:
            if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", name):
                raise ValueError(f"ensemble: {name!r} cannot name a member: use a-z, 0-9, - and _, such as `model`")
        base = {section: tree.get(section) for section in ("model", "augment", "train")}
        return {**tree, "ensemble": {name: merge(base, member) for name, member in members.items()}}

    def member(self, name: str) -> MemberParams:
        """Return the parameters of the member `name`.

        Raises:
            ParameterError: `ensemble` has no such member.
        """
        if name not in self.ensemble:
            raise ParameterError(f"{paths.PARAMS}: ensemble has no member {name!r}; it has {', '.join(self.ensemble)}")
        return self.ensemble[name]


def merge(base: Any, overrides: Any) -> Any:
    """Return `base` with the leaves of `overrides` in the place of its own; mappings are merged key by key."""
    if not (isinstance(base, dict) and isinstance(overrides, dict)):
        return overrides
    return {**base, **{key: merge(base.get(key), value) for key, value in overrides.items()}}


def load(path: Path = paths.PARAMS, overrides: Any = None) -> Params:
    """Read and check params.yaml, or a file like it.

    Args:
        path: the file.
        overrides: a tree of keys whose values replace those of the file; None for none.

    Raises:
        ParameterError: the file is missing or not YAML, a key is unknown or missing, or a value is of the wrong type or
            out of range. Its message is one line that names each such key, what was given and what is allowed.
    """
    tree = read_yaml(path)
    if not isinstance(tree, dict):
        raise ParameterError(f"{path}: empty, or no mapping of sections; `git checkout {path}` brings the last one back")
    return validate(Params, merge(tree, overrides or {}), path)


def validate(schema: Any, tree: Any, path: Path) -> Any:
    """Check what was read from a YAML file.

    Args:
        schema: a type that Pydantic knows, such as a `Section`.
        tree: what was read.
        path: the file's name, for the message.

    Returns:
        A value of that type.

    Raises:
        ParameterError: as by `load`.
    """
    try:
        return TypeAdapter(schema).validate_python(tree, strict=True)
    except ValidationError as error:
        raise ParameterError(f"{path}: {describe(error)}") from None


def describe(error: ValidationError) -> str:
    """Put what Pydantic found into words: for each wrong key its name, what is allowed and what was given."""
    details = error.errors()
    keys = {detail["loc"] for detail in details}
    own = [detail for detail in details if not (detail["loc"][0:1] == ("ensemble",) and detail["loc"][2:] in keys)]
    return "; ".join(describe_key(detail) for detail in own)


def describe_key(detail: Any) -> str:
    """Put one of Pydantic's error details into words."""
    key = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        return f"{key}: unknown key"
    if detail["type"] == "missing":
        return f"{key}: missing"
    if detail["type"] == "value_error":
        return f"{key}: {detail['ctx']['error']}".removeprefix(": ")
    return f"{key}: {detail['msg'].removeprefix('Input ')} (given: {reprlib.repr(detail['input'])})".removeprefix(": ")

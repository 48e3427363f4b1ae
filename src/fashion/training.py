"""The training loop: deterministic, and able to go on after the last finished epoch.

All randomness derives from the seed and the epoch, so besides the history only the variables of the networks and the optimizer
have to be kept to go on.
"""

import math
import time
from typing import Any

import numpy as np

from fashion import augment, backbones, code, metrics, precision, pruning
from fashion.backend import keras, tf
from fashion.batches import evaluation_batches, untuned
from fashion.checkpoint import Checkpoint
from fashion.dataset import Images
from fashion.errors import DivergedError
from fashion.interrupt import CtrlC
from fashion.models import HEAD, build, first_convolution
from fashion.muon import Muon
from fashion.normalization import FusedBatchNormalization
from fashion.params import CLASSES, WHOLE_EPOCHS, AugmentParams, MemberParams, TrainParams
from fashion.schedules import learning_rates, plateau_factor
from fashion.whitening import whitening_filters

# How many batches the statistics of averaged networks are computed from: of what they were before, 0.9^50 is left.
STATISTICS_BATCHES = 50
# How many training images the first layer's whitening is computed from.
WHITENING_IMAGES = 2000
# Steps that TensorFlow runs on its own before it comes back to Python: enough to hide that, few enough for Ctrl-C to act soon.
STEPS_AT_ONCE = 32


class ScheduleTable(keras.optimizers.schedules.LearningRateSchedule):
    """A learning-rate schedule that is a table: float32, shape (steps,). Past its end the last value holds.

    Attributes:
        factor: a variable of the optimizer, by which the table is multiplied.
    """

    def __init__(self, rates: np.ndarray):
        self.rates = keras.ops.convert_to_tensor(rates)

    def __call__(self, step):
        return self.factor * keras.ops.take(self.rates, keras.ops.minimum(step, len(self.rates) - 1))


class Averaging:
    """For an optimizer with `use_ema`: Keras' `fit`, called for each epoch, does not put the mean in the place of the weights."""

    def finalize_variable_values(self, var_list) -> None:
        """Do nothing: the next epoch goes on from the weights."""

    def assign_means(self, variables) -> None:
        """Assign the weights' exponential means to the variables of another model of the same kind."""
        super().finalize_variable_values(variables)


def make_optimizer(params: TrainParams, schedule: ScheduleTable) -> keras.optimizers.Optimizer:
    """Return the optimizer that `params` names."""
    own = {
        "sgd": (keras.optimizers.SGD, {"momentum": params.momentum}),
        "nesterov": (keras.optimizers.SGD, {"momentum": params.momentum, "nesterov": True}),
        "rmsprop": (keras.optimizers.RMSprop, {"momentum": params.momentum}),
        "adam": (keras.optimizers.Adam, {}),
        "adamw": (keras.optimizers.Adam, {}),  # with weight decay, it is
        "muon": (Muon, {"momentum": params.momentum, "head": HEAD}),
    }
    optimizer, arguments = own[params.optimizer]
    if params.averaging:
        optimizer = type(f"Averaged{optimizer.__name__}", (Averaging, optimizer), {})
        arguments |= {"use_ema": True, "ema_momentum": params.averaging}
    made = optimizer(schedule, weight_decay=params.weight_decay or None, **arguments)
    schedule.factor = made.add_variable((), initializer="ones", name="factor")
    return made


def shuffled_batches(
    images: tf.Tensor, targets: tf.Tensor, batch_size: int, params: AugmentParams, seed: int, epoch: int
) -> tf.data.Dataset:
    """Return one epoch's batches, in an order and augmented in a way that depend on the seed and the epoch alone.

    What is left after the last full batch is left out: other images in each epoch.

    Args:
        images: uint8, shape (N, 28, 28).
        targets: float32, shape (N, 10), each row a probability distribution.
        batch_size: images a batch, at most N.
        params: how images are augmented.
        seed: the member's seed.
        epoch: 1 for the first.
    """
    steps = len(images) // batch_size
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(len(images))[: steps * batch_size]
    # Each image is mirrored in a fixed part of the epochs, evenly spread: with 0.5 in every other one.
    turn = np.random.default_rng(seed).random(len(images))[order]
    draws = augment.draw(params, (turn + epoch * params.flip) % 1 < params.flip, rng)
    indices, *drawn = (array.reshape(steps, batch_size, *array.shape[1:]) for array in (order, *draws))

    @tf.autograph.experimental.do_not_convert  # it has no control flow that depends on a tensor
    def batch(indices: tf.Tensor, draws: augment.Draws) -> tuple[tf.Tensor, tf.Tensor]:
        return augment.apply(params, tf.gather(images, indices), tf.gather(targets, indices), draws)

    return untuned(tf.data.Dataset.from_tensor_slices((indices, augment.Draws(*drawn))).map(batch).prefetch(2))


def renew_statistics(model: keras.Model, batches: tf.data.Dataset) -> None:
    """Give batch normalisation the statistics of what averaged weights make of some batches of `shuffled_batches`.

    Those that came with the weights are the last step's. (Izmailov et al. 2018, "Averaging weights leads to wider optima".)
    """
    if any(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers):
        for images, _ in batches.repeat().take(STATISTICS_BATCHES).as_numpy_iterator():
            model(images, training=True)


def reseed_dropout(model: keras.Model, seed: int, epoch: int) -> None:
    """Start the random stream of each dropout layer anew, from the seed, the epoch and the layer's place."""
    for place, layer in enumerate(model.layers):
        if isinstance(layer, keras.layers.Dropout):
            derived = int(np.random.SeedSequence([seed, epoch, place]).generate_state(1)[0])
            layer.seed_generator.state.assign(keras.random.SeedGenerator(derived).state)


def whiten(model: keras.Model, images: np.ndarray, rng: np.random.Generator) -> None:
    """Give the first convolution filters that whiten the patches of the images, uint8 of shape (N, 28, 28)."""
    layer, scale = first_convolution(model), model.get_layer("scale")
    sample = images[rng.choice(len(images), min(len(images), WHITENING_IMAGES), replace=False)]
    kernel, bias = whitening_filters(sample * scale.scale + scale.offset, layer.kernel_size[0], layer.filters, rng)
    layer.set_weights([kernel, bias] if layer.use_bias else [kernel])


def compile_for_training(params: MemberParams, images: np.ndarray, schedule: ScheduleTable) -> keras.Model:
    """Build a member's network with fresh weights, in the precision that its recipe names, ready for `fit`.

    Args:
        params: the member's parameters.
        images: uint8, shape (N, 28, 28): the training images, to whiten the first layer.
        schedule: the learning rates.

    Raises:
        UserError: the backbone's weights cannot be had.
        OSError: a file of weights cannot be read.
    """
    recipe = params.train
    penalty = keras.regularizers.L1L2(recipe.l1, recipe.l2) if recipe.l1 or recipe.l2 else None
    keras.utils.set_random_seed(params.seed)
    keras.config.set_dtype_policy({"float32": "float32", "bfloat16": "mixed_bfloat16"}[precision.choose(recipe.precision)])
    model = build(params.model, penalty, FusedBatchNormalization)
    keras.config.set_dtype_policy("float32")
    if params.model.whiten:
        whiten(model, images, np.random.default_rng(params.seed))
    if params.model.name == "backbone":
        backbones.load_weights(model, params.model.backbone)
    model.compile(
        optimizer=make_optimizer(recipe, schedule),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing),
        metrics=["accuracy", keras.metrics.CategoricalCrossentropy(name="cross_entropy")],
        steps_per_execution=STEPS_AT_ONCE,
    )
    model.optimizer.build(model.trainable_variables)
    return model


def determined_by(params: MemberParams, data: list[str]) -> dict[str, Any]:
    """Return what a training's result is determined by, to name its checkpoint.

    Args:
        params: the member's parameters.
        data: the SHA-256 of the training and of the validation images.

    Raises:
        OSError: the file of a backbone's weights cannot be read.
    """
    return {
        "params": params.model_dump(),
        "code": sorted(code.imported().values()),
        "data": data,
        "weights": backbones.digest(params.model),
        "libraries": [keras.backend.backend(), keras.__version__, tf.__version__, np.__version__],
        "precision": precision.choose(params.train.precision),
    }


def fit(params: MemberParams, train: Images, validation: Images, checkpoint: Checkpoint) -> tuple[keras.Model, list[dict]]:
    """Train one member, printing a line an epoch, and go on from `checkpoint` when it holds finished epochs.

    Returns:
        The trained model, in float32 and without its optimizer, and the history: one row an epoch with the keys epoch,
        precision (what "auto" stood for), learning_rate (the mean over the epoch's steps), and accuracy and cross-entropy loss
        (nats, without label smoothing) on the epoch's training images (likewise, so of a model that still improves) and on the
        validation images (after the epoch).
        With `patience` the model is that of the epoch with the highest validation accuracy, otherwise that of the last one.

    Raises:
        DivergedError: the loss is no longer finite.
        UserError: the backbone's weights cannot be had.
        OSError: the checkpoint cannot be written, or a file of weights not be read.
        KeyboardInterrupt: Ctrl-C was pressed; it ends between two epochs or after at most `STEPS_AT_ONCE` steps of one.
    """
    recipe = params.train
    sizes = pruning.epoch_sizes(recipe, len(train))
    batch_size = min(recipe.batch_size, *sizes)
    # The number of steps before each epoch, and in all.
    passed_steps = np.cumsum([0, *(size // batch_size for size in sizes)])
    rates = learning_rates(recipe, passed_steps[-1])
    schedule = ScheduleTable(rates)
    model = compile_for_training(params, train.images, schedule)
    # What is scored after each epoch, and what is returned: the training's network may compute in lower precision, and its
    # weights may be averaged over the steps.
    current, best = build(params.model), build(params.model)
    kept = keras.Variable(np.arange(sizes[-1]), dtype="int32", trainable=False, name="kept")
    variables = [*model.variables, *model.optimizer.variables, *best.variables, kept]
    history = checkpoint.restore(variables)
    if history:
        print(f"going on after epoch {len(history)} of an interrupted run")

    whole = tf.constant(train.images), tf.one_hot(train.labels, CLASSES)
    held_out = evaluation_batches(validation.images)
    started, first = time.monotonic(), len(history)
    with CtrlC() as ctrl_c:
        while len(history) < recipe.epochs and not out_of_patience(recipe, history):
            epoch = len(history) + 1
            reseed_dropout(model, params.seed, epoch)
            factor = plateau_factor(recipe, [row["validation_loss"] for row in history])
            schedule.factor.assign(factor)
            images, targets = whole if epoch <= WHOLE_EPOCHS else (tf.gather(array, np.array(kept)) for array in whole)
            batches = shuffled_batches(images, targets, batch_size, params.augment, params.seed, epoch)
            seen = {name: values[0] for name, values in model.fit(batches, verbose=0, callbacks=[ctrl_c]).history.items()}
            current.set_weights(model.get_weights())
            if recipe.averaging:
                model.optimizer.assign_means(current.trainable_variables)
                renew_statistics(current, batches)
                # Copies, because on JAX `fit` gives away the optimizer's arrays.
                current.set_weights(current.get_weights())
            probabilities = current.predict(held_out, verbose=0)
            accuracy = metrics.accuracy(validation.labels, probabilities)
            loss = metrics.cross_entropy(validation.labels, probabilities)
            if not math.isfinite(seen["loss"] + loss):
                raise DivergedError(
                    f"training diverged: the loss is {seen['loss']:.3g} in epoch {epoch} and {loss:.3g} after it; "
                    f"lower train.learning_rate ({recipe.learning_rate}) or raise train.warmup ({recipe.warmup})"
                )
            if not recipe.patience or accuracy > max((row["validation_accuracy"] for row in history), default=-1):
                best.set_weights(current.get_weights())
            history.append(
                {
                    "epoch": epoch,
                    "precision": precision.choose(recipe.precision),
                    "learning_rate": factor * float(rates[passed_steps[epoch - 1] : passed_steps[epoch]].mean()),
                    "train_accuracy": seen["accuracy"],
                    "train_loss": seen["cross_entropy"],
                    "validation_accuracy": accuracy,
                    "validation_loss": loss,
                }
            )
            if recipe.data_pruning and epoch == WHOLE_EPOCHS:
                known = model.predict(evaluation_batches(train.images), verbose=0)
                kept.assign(pruning.hardest(known, sizes[-1]))
            checkpoint.save(variables, history)
            passed = time.monotonic() - started
            left = passed * (passed_steps[-1] - passed_steps[epoch]) / (passed_steps[epoch] - passed_steps[first])
            print(
                f"epoch {epoch:>{len(str(recipe.epochs))}}/{recipe.epochs}"
                f"   training {seen['accuracy']:7.2%}   validation {accuracy:7.2%}"
                f"   {passed:4.0f} s, {left:.0f} s left",
                flush=True,
            )
    return best, history


def kept_row(params: TrainParams, history: list[dict]) -> dict:
    """Return the row of the history that belongs to the weights that `fit` keeps."""
    return max(history, key=lambda row: row["validation_accuracy"]) if params.patience else history[-1]


def out_of_patience(params: TrainParams, history: list[dict]) -> bool:
    """Return whether the validation accuracy was not exceeded for `patience` epochs (never, if that is 0)."""
    accuracies = [row["validation_accuracy"] for row in history]
    return bool(params.patience and accuracies) and len(accuracies) - 1 - int(np.argmax(accuracies)) >= params.patience

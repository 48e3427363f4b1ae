"""The training loop: deterministic, and able to go on after the last finished epoch.

All randomness derives from the seed and the epoch, so besides the history only the variables of model and optimizer have
to be kept to go on.
"""

import math
import time

import numpy as np

from fashion import augment
from fashion.backend import keras, tf
from fashion.checkpoint import Checkpoint
from fashion.dataset import Images
from fashion.errors import UserError
from fashion.models import build
from fashion.params import CLASSES, AugmentParams, MemberParams, TrainParams
from fashion.schedules import learning_rates

EVALUATION_BATCH = 1000


class ScheduleTable(keras.optimizers.schedules.LearningRateSchedule):
    """A learning-rate schedule that is a table: float32, shape (steps,). Past its end the last value holds."""

    def __init__(self, rates: np.ndarray):
        self.rates = keras.ops.convert_to_tensor(rates)

    def __call__(self, step):
        return keras.ops.take(self.rates, keras.ops.minimum(step, len(self.rates) - 1))


def make_optimizer(params: TrainParams, rates: np.ndarray) -> keras.optimizers.Optimizer:
    """Return the optimizer that `params` names, following the learning rates `rates`, float32 of shape (steps,)."""
    schedule = ScheduleTable(rates)
    if params.optimizer == "adam":
        return keras.optimizers.Adam(schedule)
    return keras.optimizers.AdamW(schedule, weight_decay=params.weight_decay)


def shuffled_batches(
    images: tf.Tensor, targets: tf.Tensor, batch_size: int, params: AugmentParams, seed: int, epoch: int
) -> tf.data.Dataset:
    """Return one epoch's batches, in an order and augmented in a way that depend on the seed and the epoch alone.

    Args:
        images: uint8, shape (N, 28, 28).
        targets: float32, shape (N, 10), each row a probability distribution.
        batch_size: images a batch; the last batch holds what is left.
        params: how images are augmented.
        seed: the member's seed.
        epoch: 1 for the first.
    """
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(len(images))
    flipped = rng.random(len(images)) < params.flip

    def gather(indices: tf.Tensor, flipped: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return augment.flip(tf.gather(images, indices), flipped), tf.gather(targets, indices)

    return tf.data.Dataset.from_tensor_slices((order, flipped)).batch(batch_size).map(gather).prefetch(2)


def reseed_dropout(model: keras.Model, seed: int, epoch: int) -> None:
    """Start the random stream of each dropout layer anew, from the seed, the epoch and the layer's place."""
    for place, layer in enumerate(model.layers):
        if isinstance(layer, keras.layers.Dropout):
            derived = int(np.random.SeedSequence([seed, epoch, place]).generate_state(1)[0])
            layer.seed_generator.state.assign(keras.random.SeedGenerator(derived).state)


def fit(params: MemberParams, train: Images, validation: Images, checkpoint: Checkpoint) -> tuple[keras.Model, list[dict]]:
    """Train one member, printing a line an epoch, and go on from `checkpoint` when it holds finished epochs.

    Returns:
        The trained model, without its optimizer, and the history: one row an epoch with the keys epoch, learning_rate (the
        mean over the epoch's steps), and accuracy and cross-entropy loss (nats, without label smoothing) on the training
        images (likewise, so of a model that still improves) and on the validation images (after the epoch).

    Raises:
        UserError: the training diverged.
    """
    recipe = params.train
    steps_per_epoch = math.ceil(len(train) / recipe.batch_size)
    rates = learning_rates(recipe, steps_per_epoch * recipe.epochs)

    keras.utils.set_random_seed(params.seed)
    model = build(params.model)
    model.compile(
        optimizer=make_optimizer(recipe, rates),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing),
        metrics=["accuracy", keras.metrics.CategoricalCrossentropy(name="cross_entropy")],
    )
    model.optimizer.build(model.trainable_variables)
    variables = [*model.variables, *model.optimizer.variables]
    history = checkpoint.restore(variables)
    if history:
        print(f"going on after epoch {len(history)} of an interrupted run")

    images, targets = tf.constant(train.images), tf.one_hot(train.labels, CLASSES)
    validation_targets = np.eye(CLASSES, dtype=np.float32)[validation.labels]
    started, first = time.monotonic(), len(history)
    for epoch in range(first + 1, recipe.epochs + 1):
        reseed_dropout(model, params.seed, epoch)
        batches = shuffled_batches(images, targets, recipe.batch_size, params.augment, params.seed, epoch)
        seen = {name: values[0] for name, values in model.fit(batches, verbose=0).history.items()}
        held_out = model.evaluate(
            validation.images, validation_targets, batch_size=EVALUATION_BATCH, verbose=0, return_dict=True
        )
        if not math.isfinite(seen["loss"] + held_out["loss"]):
            raise UserError(
                f"training diverged: the loss is {seen['loss']:.3g} in epoch {epoch} and {held_out['loss']:.3g} after it; "
                f"lower train.learning_rate ({recipe.learning_rate}) or raise train.warmup ({recipe.warmup})"
            )
        history.append(
            {
                "epoch": epoch,
                "learning_rate": float(rates[(epoch - 1) * steps_per_epoch : epoch * steps_per_epoch].mean()),
                "train_accuracy": seen["accuracy"],
                "train_loss": seen["cross_entropy"],
                "validation_accuracy": held_out["accuracy"],
                "validation_loss": held_out["cross_entropy"],
            }
        )
        checkpoint.save(variables, history)
        passed = time.monotonic() - started
        left = passed / (epoch - first) * (recipe.epochs - epoch)
        print(
            f"epoch {epoch:>{len(str(recipe.epochs))}}/{recipe.epochs}"
            f"   training {seen['accuracy']:7.2%}   validation {held_out['accuracy']:7.2%}"
            f"   {passed:4.0f} s, {left:.0f} s left",
            flush=True,
        )

    trained = build(params.model)
    trained.set_weights(model.get_weights())
    return trained, history

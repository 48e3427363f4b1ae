"""The training loop. All randomness derives from the seed and the epoch, so that an interrupted training resumes exactly."""

import math
import time
from collections.abc import Callable

import numpy as np

from fashion.backend import keras, tf
from fashion.data.facts import CLASSES
from fashion.data.images import Images
from fashion.networks.build import build
from fashion.params import EPOCHS_BEFORE_PRUNING, MemberParams, TrainParams
from fashion.pipeline.errors import DivergedError
from fashion.scoring import metrics
from fashion.scoring.prediction import evaluation_batches
from fashion.training import precision, pruning
from fashion.training.batches import shuffled_batches
from fashion.training.checkpoint import Checkpoint
from fashion.training.compile import compile_for_training
from fashion.training.ema import LastStep, renew_statistics
from fashion.training.history import is_complete, kept_epoch
from fashion.training.interrupt import CtrlC
from fashion.training.optimizer import ScheduleTable
from fashion.training.schedules import learning_rates, plateau_factor


def fit(
    params: MemberParams,
    train: Images,
    validation: Images,
    checkpoint: Checkpoint,
    report: Callable[[list[dict]], None] = lambda history: None,
) -> tuple[keras.Model, list[dict]]:
    """Train one member, printing a line an epoch, and resume from `checkpoint` when it holds finished epochs.

    Args:
        params: the member's parameters.
        train: the training images.
        validation: the validation images.
        checkpoint: what an interrupted training of the same member left, and where this one leaves it.
        report: called with the history after each epoch, and with that of a training that is resumed.

    Returns:
        The trained model, in float32 and without its optimizer, and the history: one row an epoch with the keys epoch,
        precision (what "auto" stood for), learning_rate (the mean over the epoch's steps), and accuracy and cross-entropy loss
        (nats, without label smoothing) on the epoch's training images (the mean over its steps, while the model still improves)
        and on the validation images (after the epoch).
        With `patience` the model is that of the epoch with the highest validation accuracy, otherwise that of the last one.

    Raises:
        DivergedError: the loss is no longer finite.
        UserError: the backbone's weights are not available.
        KeyboardInterrupt: Ctrl-C was pressed; it ends between two epochs or after at most `compile.STEPS_AT_ONCE` steps of one.
    """
    training = Training(params, train, validation)
    training.resume(checkpoint)
    if training.history:
        report(training.history)
    with CtrlC() as ctrl_c:
        while not training.is_finished():
            training.train_epoch(ctrl_c)
            training.validate()
            training.keep_best()
            training.prune_data()
            checkpoint.save(training.variables, training.history)
            report(training.history)
            training.print_progress()
    return training.best, training.history


class Training:
    """A training under way: its networks, its data, and a history with a row for each finished epoch.

    Args:
        params: the member's parameters.
        train: the training images.
        validation: the validation images.

    Attributes:
        variables: all Keras variables that the next epochs depend on.
    """

    def __init__(self, params: MemberParams, train: Images, validation: Images):
        self.params, self.recipe, self.validation = params, params.train, validation
        self.images, self.targets = tf.constant(train.images), tf.one_hot(train.labels, CLASSES)
        self.batch_size, self.steps = pruning.batch_size_and_steps(self.recipe, len(train))
        self.rates = learning_rates(self.recipe, sum(self.steps))
        self.schedule = ScheduleTable(self.rates)
        # Three networks: the one that is trained, perhaps in bfloat16; its weights or their moving average in float32, to be
        # scored after each epoch; and the best of those so far, which is returned.
        self.model = compile_for_training(params, train.images, self.schedule)
        self.scored, self.best = build(params.model), build(params.model)
        # The indices of the training images that data pruning leaves.
        smallest = pruning.epoch_sizes(self.recipe, len(train))[-1]
        self.kept = keras.Variable(np.arange(smallest), dtype="int32", trainable=False, name="kept")
        self.variables = [*self.model.variables, *self.model.optimizer.variables, *self.best.variables, self.kept]
        self.history: list[dict] = []
        self.resumed_epochs, self.started = 0, time.monotonic()
        self.minimized_loss = math.nan  # of the last epoch, with label smoothing and penalties

    def resume(self, checkpoint: Checkpoint) -> None:
        """Go back to where an interrupted training of the same member was, if the checkpoint holds one."""
        self.history = checkpoint.restore(self.variables)
        self.resumed_epochs, self.started = len(self.history), time.monotonic()
        if self.history:
            print(f"resuming after epoch {len(self.history)} of an interrupted run")

    def is_finished(self) -> bool:
        """Return whether all epochs are trained, or the last `patience` of them brought no progress."""
        return is_complete(self.recipe, [row["validation_accuracy"] for row in self.history])

    def train_epoch(self, ctrl_c: CtrlC) -> None:
        """Take one optimizer step for each batch of the next epoch, and begin its row of the history."""
        epoch = len(self.history) + 1
        seed = self.params.seed
        reseed_dropout(self.model, seed, epoch)
        factor = plateau_factor(self.recipe, [row["validation_loss"] for row in self.history])
        self.schedule.factor.assign(factor)
        images, targets = self.images, self.targets
        if epoch > EPOCHS_BEFORE_PRUNING:
            images, targets = (tf.gather(array, np.array(self.kept)) for array in (images, targets))
        batches = shuffled_batches(images, targets, self.batch_size, self.params.augment, seed, epoch)
        last_step = LastStep()
        seen = self.model.fit(batches, verbose=0, callbacks=[ctrl_c, last_step]).history
        self.scored.set_weights(self.model.get_weights())
        if self.recipe.ema_decay:
            last_step.restore()
            renew_statistics(self.scored, batches)
        self.minimized_loss = seen["loss"][0]
        first = sum(self.steps[: epoch - 1])
        self.history.append(
            {
                "epoch": epoch,
                "precision": precision.choose(self.recipe.precision),
                "learning_rate": factor * float(self.rates[first : first + self.steps[epoch - 1]].mean()),
                "train_accuracy": seen["accuracy"][0],
                "train_loss": seen["cross_entropy"][0],
            }
        )

    def validate(self) -> None:
        """Score the network after the epoch on the validation images.

        Raises:
            DivergedError: the loss is no longer finite.
        """
        probabilities = self.scored.predict(evaluation_batches(self.validation.images), verbose=0)
        loss = metrics.cross_entropy(self.validation.labels, probabilities)
        if not math.isfinite(self.minimized_loss + loss):
            raise DivergedError(
                f"training diverged: the loss is {self.minimized_loss:.3g} in epoch {len(self.history)}, {loss:.3g} after it; "
                f"lower train.learning_rate ({self.recipe.learning_rate}) or raise train.warmup ({self.recipe.warmup})"
            )
        self.history[-1]["validation_accuracy"] = metrics.accuracy(self.validation.labels, probabilities)
        self.history[-1]["validation_loss"] = loss

    def keep_best(self) -> None:
        """Keep the network if it is to be returned: the last one or, with patience, the first of the highest accuracy."""
        if kept_row(self.recipe, self.history) is self.history[-1]:
            self.best.set_weights(self.scored.get_weights())

    def prune_data(self) -> None:
        """Choose the training images of the later epochs, once the network can tell the easy ones."""
        if self.recipe.data_pruning and len(self.history) == EPOCHS_BEFORE_PRUNING:
            # One batch at a time: `predict` would hold what the network computes of `compile.STEPS_AT_ONCE` batches.
            batches = evaluation_batches(self.images)
            probabilities = np.concatenate([self.model.predict_on_batch(np.asarray(batch)) for batch in batches])
            self.kept.assign(pruning.hardest(probabilities, self.kept.shape[0]))

    def print_progress(self) -> None:
        """Print the epoch's scores, the time since the start, and the time that is left."""
        row, epochs = self.history[-1], self.recipe.epochs
        passed, done = time.monotonic() - self.started, len(self.history)
        left = passed * sum(self.steps[done:]) / sum(self.steps[self.resumed_epochs : done])
        print(
            f"epoch {row['epoch']:>{len(str(epochs))}}/{epochs}"
            f"   training {row['train_accuracy']:7.2%}   validation {row['validation_accuracy']:7.2%}"
            f"   {passed:4.0f} s, {left:.0f} s left",
            flush=True,
        )


def reseed_dropout(model: keras.Model, seed: int, epoch: int) -> None:
    """Start the random stream of each dropout layer anew, from the seed, the epoch and the layer's place.

    Those inside a backbone are left to go on: their state is among the model's variables, which a checkpoint keeps.
    """
    for place, layer in enumerate(model.layers):
        if isinstance(layer, keras.layers.Dropout):
            derived = int(np.random.SeedSequence([seed, epoch, place]).generate_state(1)[0])
            layer.seed_generator.state.assign(keras.random.SeedGenerator(derived).state)


def kept_row(params: TrainParams, history: list[dict]) -> dict:
    """Return the row of the history that belongs to the weights that `fit` keeps."""
    return history[kept_epoch(params, [row["validation_accuracy"] for row in history])]

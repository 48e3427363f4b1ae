"""The optimizer Muon, for Keras."""

from fashion.backend import keras

ops = keras.ops

# Of the polynomial of degree 5 that drives singular values towards 1 (Jordan et al. 2024).
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
# Biases, normalisation and the last layer follow Adam, at this fraction of Muon's learning rate.
ADAM_RATIO = 0.1
ADAM_BETAS = (0.9, 0.95)
EPSILON = 1e-7


def orthogonalize(matrix):
    """Bring all singular values of a matrix near 1, by Newton-Schulz iterations.

    Args:
        matrix: float32, shape (M, N).

    Returns:
        float32, shape (M, N): singular values of about 0.7 to 1.2, singular vectors unchanged.
    """
    tall = matrix.shape[0] > matrix.shape[1]
    x = ops.transpose(matrix) if tall else matrix
    x = x / (ops.norm(x) + EPSILON)
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        gram = ops.matmul(x, ops.transpose(x))
        x = a * x + ops.matmul(b * gram + c * ops.matmul(gram, gram), x)
    return ops.transpose(x) if tall else x


class Muon(keras.optimizers.Optimizer):
    """Steepest descent under the spectral norm: each kernel's step is its Nesterov momentum, orthogonalized.

    Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks"; steps are scaled by the square root of the
    kernel's outputs over its inputs, as in Bernstein 2025, "Deriving Muon". A kernel of shape (..., outputs) is taken as the
    matrix (inputs, outputs). Everything else follows Adam (Kingma & Ba 2015) at a tenth of the learning rate.

    `keras.optimizers.Muon` leaves kernels of four axes, those of convolutions, to Adam.

    Args:
        learning_rate: number or schedule.
        weight_decay: decoupled, times the learning rate, of those kernels alone.
        momentum: how much of the sum of past gradients stays, each step.
        head: name of the last layer.
    """

    def __init__(self, learning_rate, weight_decay: float, momentum: float, head: str, **others):
        super().__init__(learning_rate, weight_decay=weight_decay or None, **others)
        self.momentum = momentum
        self.head = head

    def build(self, variables) -> None:
        """Create the state: a momentum for each variable and, for those that follow Adam, a mean of squares."""
        if self.built:
            return
        kernels = [len(variable.shape) > 1 and self.head not in variable.path for variable in variables]
        self.exclude_from_weight_decay([variable for variable, kernel in zip(variables, kernels) if not kernel])
        super().build(variables)
        self.moments = [self.add_variable_from_reference(variable, "moment") for variable in variables]
        self.squares = [
            None if kernel else self.add_variable_from_reference(variable, "square")
            for variable, kernel in zip(variables, kernels)
        ]

    def update_step(self, gradient, variable, learning_rate) -> None:
        """Update one variable in place."""
        rate = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        index = self._get_variable_index(variable)
        moment, square = self.moments[index], self.squares[index]
        if square is None:
            self.assign(moment, self.momentum * moment + gradient)
            matrix = ops.reshape(gradient + self.momentum * moment, (-1, variable.shape[-1]))
            scale = (matrix.shape[1] / matrix.shape[0]) ** 0.5
            self.assign_sub(variable, rate * scale * ops.reshape(orthogonalize(matrix), variable.shape))
            return
        step = ops.cast(self.iterations + 1, variable.dtype)
        first, second = ADAM_BETAS
        self.assign(moment, first * moment + (1 - first) * gradient)
        self.assign(square, second * square + (1 - second) * ops.square(gradient))
        scale_of_gradient = ops.sqrt(square / (1 - ops.power(second, step))) + EPSILON
        self.assign_sub(variable, rate * ADAM_RATIO * moment / (1 - ops.power(first, step)) / scale_of_gradient)

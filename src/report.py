"""Make the results page, one file that needs no network, and the model card -> reports/index.html and model_card.md."""

from fashion import paths
from fashion.params import MemberParams, PlotParams, PrepareParams
from fashion.pipeline import stage
from fashion.reporting.content import collect
from fashion.reporting.render import write_pages


def main(members: dict[str, MemberParams], data: PrepareParams, figures: PlotParams) -> None:
    """Write the page and the card.

    Args:
        members: the ensemble's members, by name.
        data: what the training and validation images are.
        figures: what the figures show.

    Raises:
        UserError: a file of results is damaged.
    """
    write_pages(collect(members, data, figures))
    print(f"-> {paths.PAGE}, {paths.MODEL_CARD}: open the first in a browser")


if __name__ == "__main__":
    stage.run(main, __doc__, reads=lambda params: [params.ensemble, params.prepare, params.plot])

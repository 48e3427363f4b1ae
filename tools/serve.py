"""Serve a page to drop a picture of a garment on, and an address that programs can send it to.

GET /          the page
POST /predict  a picture is the body; the answer is what tools/predict.py --json says of it
GET /health    whether it is there
"""

import argparse
import sys

from fashion.options import at_least
from fashion.pipeline.errors import UserError, one_line_errors

LAST_PORT = 65535


def main(host: str, port: int) -> None:
    """Serve until Ctrl-C.

    Raises:
        UserError: a package, a model or its export is missing, or the port is taken.
        ParameterError: params.yaml is wrong.
    """
    try:
        from fashion.serving import server, work
    except ModuleNotFoundError as error:
        raise UserError(f"{error.name.partition('.')[0]}: not installed; run `make extras`") from None
    with server.listen(host, port) as listening:
        classifier = work.Classifier()
        print(f"{server.url_of(listening)}  (Ctrl-C ends it)", flush=True)
        server.make_server(classifier, classifier.names).run(sockets=[listening])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1: this machine alone)")
    parser.add_argument("--port", type=at_least(0), default=8000, help="0 for any that is free (default 8000)")
    words = parser.parse_args()
    if words.port > LAST_PORT:
        parser.error(f"argument --port: {words.port} is above {LAST_PORT}")
    with one_line_errors():
        try:
            main(words.host, words.port)
        except KeyboardInterrupt:
            sys.exit(130)

"""A server to be started and stopped as a process: python -m tests.serving.slow_server PORT

Its predictor takes a second per batch; its renderer is the real one, with waiting TeX processes.
"""

import sys
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from im2latex.inference.effort import Effort
from im2latex.rendering.renderer import RenderParams, TexRenderer
from im2latex.serving.app import create_app
from im2latex.serving.backend import Backend
from im2latex.serving.limits import ServerLimits
from im2latex.serving.middleware import AllowedHosts
from im2latex.serving.server import exit_process, open_socket, run
from im2latex.types import Prediction
from tests.serving.fakes import FakePredictor


class SlowPredictor(FakePredictor):
    def predict(
        self,
        images: Sequence[NDArray[np.uint8]],
        *,
        candidates: int = 1,
        effort: Effort = "fast",
        attention: bool = False,
    ) -> list[Prediction]:
        time.sleep(1)
        return super().predict(images, candidates=candidates, effort=effort, attention=attention)


if __name__ == "__main__":
    params = RenderParams(rasterizer="pdfium")
    quick = TexRenderer(params.model_copy(update={"timeout_seconds": 0.25}), pool_size=2)
    engine = Backend(SlowPredictor(), quick, slow_renderer=TexRenderer(params, background=True), close=quick.close)
    hosts = AllowedHosts("127.0.0.1")
    run(create_app(engine, ServerLimits()), ServerLimits(), open_socket("127.0.0.1", int(sys.argv[1])), hosts)
    exit_process()

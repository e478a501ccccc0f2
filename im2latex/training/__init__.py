"""Where torch lives: batches, encoders, decoders, search, checkpoint, the loop.

Threads of OpenMP that wait for each other sleep, unless the environment says otherwise: by default they spin, and on a
busy machine take the processor from what they wait for. The libraries read this once, when torch is loaded.
"""

import os

if not os.environ.keys() & {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"}:
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"

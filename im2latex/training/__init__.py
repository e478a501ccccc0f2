"""Training: data loading, augmentation, losses, optimizers, trainer, checkpoint.

Waiting OpenMP threads sleep, unless the environment says otherwise: by default they spin, and on a busy machine use the
CPU that the others need. The libraries read this variable once, when torch is loaded.
"""

import os

if not os.environ.keys() & {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"}:
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"

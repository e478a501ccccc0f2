"""Tables of measured numbers, each read from a committed result file; nothing is typed by hand.

One module per page of docs/benchmarks, and `released` for the data of the released checkpoint.
"""

from docs.generate.numbers import checks, data, metrics, models, released, serving
from docs.generate.numbers.tables import TABLES

__all__ = ["TABLES", "checks", "data", "metrics", "models", "released", "serving"]

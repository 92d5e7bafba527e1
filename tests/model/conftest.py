"""Where SANITIZED_BLOCKS names a folder (`make sanitize`), the tests of the model run on the library in it."""

import os
from pathlib import Path

from hypergraph.model.kernel import binding

if folder := os.environ.get("SANITIZED_BLOCKS"):
    binding._library = binding.load(Path(folder))
    assert binding._library is not None, f"no library in {folder} loads"

"""What all tests share: `oracle` and `strategies` can be imported, one thread, one reproducible hypothesis profile."""

import sys
from pathlib import Path

import torch
from hypothesis import settings

sys.path.append(str(Path(__file__).parent))
torch.set_num_threads(1)
settings.register_profile("reproducible", deadline=None, derandomize=True, print_blob=True, max_examples=25)
settings.load_profile("reproducible")

"""How tests run everywhere: a busy machine is no failure, nothing is left behind.

The programs that they start, hundreds of them, keep the bytecode of what they import: compiling
takes half as long as starting an agent does.
"""

from __future__ import annotations

import os

from hypothesis import settings

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

settings.register_profile("hafw", deadline=None, database=None)
settings.load_profile("hafw")

"""Makes the modules of the hostile suite and of tools/ importable; imported for that alone."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# Behind this folder: a module here wins over one of the same name there.
sys.path += [str(HERE.parent / "attacks"), str(ROOT / "tools")]

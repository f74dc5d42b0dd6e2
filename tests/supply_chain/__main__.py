"""What the image and a developer's machine are made of.

``make sbom`` writes a CycloneDX list of each lock to ``dist/``. ``make scan`` looks into the image
that was built, and adds what else is in it. ``make audit`` asks the Python Packaging Advisory
Database about each package, and fails for one that it cannot judge.
"""

from __future__ import annotations

import json
import sys

from tests.containers import engine
from tests.house import ROOT
from tests.supply_chain.image import scan
from tests.supply_chain.locks import audit, sbom

if __name__ == "__main__":
    if sys.argv[1:] == ["audit"]:
        audit()
    elif sys.argv[1:] == ["scan"]:
        engine.require()
        print(json.dumps(scan(engine.PROJECT, ROOT / "dist")))
    else:
        for made in sbom(ROOT / "dist").values():
            print(made.relative_to(ROOT))

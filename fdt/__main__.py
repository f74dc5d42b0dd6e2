"""``python -m fdt``: the command line where no script is installed, and in supervised processes."""

from __future__ import annotations

from fdt.cli import main

if __name__ == "__main__":
    main()

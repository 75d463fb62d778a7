"""``python -m sdbench`` is ``sdbench``."""

from sdbench.cli.main import main

if __name__ == "__main__":
    main()

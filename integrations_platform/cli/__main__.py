"""`python -m integrations_platform.cli`: the command without its console script."""

from integrations_platform.cli import main

if __name__ == "__main__":
    main()

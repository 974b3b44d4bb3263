"""The import, the demo, and the first call of every verb. Options: --quick."""

from run_all import main

if __name__ == "__main__":
    main(["startup"])

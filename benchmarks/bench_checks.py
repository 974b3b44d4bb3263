"""Checks of labels, sweep by sweep and over a long recording. Options: --quick."""

from run_all import main

if __name__ == "__main__":
    main(["checks"])

"""Depth maps against a z-buffer in numpy. Options: --quick."""

from run_all import main

if __name__ == "__main__":
    main(["occlusion"])

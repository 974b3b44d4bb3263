"""Verbs over the sweeps of a scene. Options: --quick."""

from run_all import main

if __name__ == "__main__":
    main(["tracks"])

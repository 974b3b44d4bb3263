"""The height of the ground against rivals. Options: --quick."""

from run_all import main

if __name__ == "__main__":
    main(["terrain"])

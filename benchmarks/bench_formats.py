"""Reading point files against other libraries. Options: --quick."""

from run_all import main

if __name__ == "__main__":
    main(["formats"])

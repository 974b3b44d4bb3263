"""Points in cuboids against their rivals. Options: --quick."""

from run_all import main

if __name__ == "__main__":
    main(["containment"])

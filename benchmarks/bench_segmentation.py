"""Labels of points from cuboids against its rivals. Options: --quick."""

from run_all import main

if __name__ == "__main__":
    main(["segmentation"])

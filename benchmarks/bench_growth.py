"""How time grows with points and with cuboids. Options: --quick."""

from run_all import main

if __name__ == "__main__":
    main(["growth"])

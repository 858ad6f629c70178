"""`python -m tieout` is the program."""

from tieout.cli import main

if __name__ == "__main__":
    main(prog_name="tieout")

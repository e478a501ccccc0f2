"""`python -m im2latex.cli`."""

from im2latex.cli import main

main()

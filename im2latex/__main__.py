"""`python -m im2latex`."""

from im2latex.cli import main

main()

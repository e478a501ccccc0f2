"""REST API and web page: images of formulas to LaTeX, and LaTeX to images, over HTTP."""

"""The REST API and the web page: images in, LaTeX and its rendering out, over HTTP."""

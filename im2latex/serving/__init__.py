"""The REST API and the web page: pictures in, LaTeX and its rendering out, over HTTP."""

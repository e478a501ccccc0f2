"""Formula to image: the TeX document, the sandboxed process, the engine, the rasterizers."""

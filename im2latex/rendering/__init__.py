"""Formula to picture: the TeX document, the sandboxed process, the engine, the rasterizers."""

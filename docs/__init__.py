"""Documentation sources, and the module that generates parts of them."""

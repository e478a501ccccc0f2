"""Page template for `dvc plots` with Vega inside, so that the page opens without a network.

DVC's own template loads Vega from a content delivery network. The template and the setting that names it
(`plots.html_template`, relative to .dvc) are in files that git ignores: a clone without them uses DVC's own.
"""

import subprocess
from pathlib import Path

import vl_convert

TEMPLATE = Path(".dvc/tmp/plots.html")
VEGA_LITE = "5.21"
"""Version of the schema that the templates in .dvc/plots name."""


def main() -> None:
    """Write the template and name it in .dvc/config.local."""
    script = vl_convert.javascript_bundle(vl_version=VEGA_LITE)
    TEMPLATE.parent.mkdir(parents=True, exist_ok=True)
    page = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>im2latex: plots</title>
<script>{script}</script>
</head>
<body>
{{plot_divs}}
</body>
</html>
"""
    TEMPLATE.write_text(page, encoding="utf-8")
    name = TEMPLATE.relative_to(".dvc").as_posix()
    subprocess.run(["dvc", "config", "--local", "plots.html_template", name], check=True)


if __name__ == "__main__":
    main()

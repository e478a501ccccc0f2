"""The renderer of this project, as section `render` of params.yaml describes it, for every stage that draws."""

from im2latex.config import Params, load_section, project_section
from im2latex.images.arrays import ImageParams
from im2latex.latex.normalizer import NormalizerParams
from im2latex.rendering.glyph_boxes.reader import ParallelGlyphReader, TexGlyphReader
from im2latex.rendering.renderer import ParallelRenderer, RenderParams, TexRenderer
from im2latex.rendering.styles import StylesParams


class RenderStageParams(Params):
    """Section `render` of params.yaml."""

    renderer: RenderParams
    image: ImageParams
    styles: StylesParams = StylesParams()


def with_commands(renderer: RenderParams) -> RenderParams:
    """The renderer that also takes the commands of `normalize.normalizer.commands`."""
    return renderer.with_commands(project_section(NormalizerParams, "normalize", "normalizer").commands)


def project_renderer() -> ParallelRenderer:
    """The renderer of the dataset, on all cores."""
    return ParallelRenderer(TexRenderer(_renderer()))


def project_glyphs() -> ParallelGlyphReader:
    """The reader of symbols that typesets as that renderer does, on all cores."""
    return ParallelGlyphReader(TexGlyphReader(_renderer()))


def _renderer() -> RenderParams:
    return with_commands(load_section("render", RenderStageParams).renderer)

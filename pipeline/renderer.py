"""The renderer of this project, as section `render` of params.yaml describes it, for every stage that draws."""

from im2latex.imaging.raster import PictureParams
from im2latex.latex.normalize import NormalizerParams
from im2latex.params import Params, load_section, project_section
from im2latex.rendering.engine import RenderParams, TexRenderer
from im2latex.rendering.glyphs import TexGlyphs
from im2latex.rendering.looks import LooksParams
from im2latex.rendering.pool import PooledGlyphs, PooledRenderer


class RenderStageParams(Params):
    """Section `render` of params.yaml."""

    renderer: RenderParams
    picture: PictureParams
    looks: LooksParams = LooksParams()


def with_commands(renderer: RenderParams) -> RenderParams:
    """The renderer that also takes the commands of `normalize.normalizer.commands`."""
    return renderer.with_commands(project_section(NormalizerParams, "normalize", "normalizer").commands)


def project_renderer() -> PooledRenderer:
    """The renderer of the data set, on all cores."""
    return PooledRenderer(TexRenderer(_renderer()))


def project_glyphs() -> PooledGlyphs:
    """The reader of symbols that typesets as that renderer does, on all cores."""
    return PooledGlyphs(TexGlyphs(_renderer()))


def _renderer() -> RenderParams:
    return with_commands(load_section("render", RenderStageParams).renderer)

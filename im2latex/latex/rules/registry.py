"""Table of the normalization rules, in the order in which they run."""

from dataclasses import dataclass

from im2latex.latex.parser.signatures import (
    COMMANDS,
    CONTROL_SPACE,
    ENVIRONMENTS,
    FONT_SWITCHES,
    INFIX,
    PLAIN_CODES,
    PLAIN_TABLES,
    SPACE_COMMANDS,
    SPACES,
    STYLE_SWITCHES,
    SUBARRAYS,
)
from im2latex.latex.parser.tree import Rewrite
from im2latex.latex.rules import environments, fonts, lossy, names, spacing, structure
from im2latex.latex.rules.atoms import ACCENTS, TRANSPARENT

_CONTROL_SPACES = frozenset(["\\ ", "\\\n", "\\\t", "\\\r", "\u00a0", CONTROL_SPACE])
_SPACES = SPACES | SPACE_COMMANDS | {"\\hspace", "\\vspace"} | _CONTROL_SPACES
_SIZES = frozenset(name for name, kinds in COMMANDS.items() if kinds == "d") | {"\\left"}
_FONTS = frozenset(FONT_SWITCHES) | frozenset(FONT_SWITCHES.values()) | frozenset(fonts.OLD_NAMES)
_TABLES = frozenset(["\\begin", *PLAIN_TABLES]) | {f"\\{name}" for name in ENVIRONMENTS}
_TEXTS = frozenset(name for name, kinds in COMMANDS.items() if kinds == "t")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; it runs on formulas whose source contains one of `triggers`, or on all if there are none."""

    apply: Rewrite
    triggers: frozenset[str]
    recursive: bool = True
    """False for a rule that sees only the whole formula, not the rows inside it."""
    skip_commands: frozenset[str] = frozenset()
    """Commands whose arguments the rule does not change."""
    faithful: bool = True
    """False for a rule that changes the image; it runs in the profile `compact`, or if `enable_rules` names it."""

    @property
    def name(self) -> str:
        """Name of the function."""
        return self.apply.__name__


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


RULES = (
    Rule(structure.invisible, structure.INVISIBLE),
    Rule(environments.display, _TABLES),
    Rule(environments.last_row, _TABLES),
    Rule(structure.ensured, structure.ENSURED),
    Rule(structure.trailing_break, frozenset(["\\\\"]), recursive=False),
    Rule(structure.coloured_infix, _words(r"\textcolor")),
    Rule(structure.open_fraction, INFIX, recursive=False),
    Rule(structure.infix_fraction, INFIX, skip_commands=SUBARRAYS | {"\\sideset"}),
    Rule(names.synonym, frozenset(names.SYNONYMS), skip_commands=PLAIN_CODES),
    Rule(names.delimiter_name, _SIZES),
    Rule(names.function_name, _words(r"\operatorname \operatornamewithlimits")),
    # a wide accent measures its argument without the style in force there
    Rule(names.usual_limits, _words(r"\limits \nolimits"), skip_commands=ACCENTS),
    Rule(spacing.space_name, SPACES),
    Rule(spacing.space_length, SPACE_COMMANDS),
    Rule(spacing.decimal, SPACE_COMMANDS | _words(r"\rule \raisebox \\ \above")),
    Rule(lossy.no_style_switch, frozenset(STYLE_SWITCHES), faithful=False),
    Rule(lossy.no_fraction_style, frozenset(lossy.FRACTIONS), faithful=False),
    Rule(lossy.no_left_right, _words(r"\left \middle"), faithful=False),
    Rule(lossy.no_delimiter_size, lossy.SIZES, faithful=False),
    Rule(fonts.old_font_name, frozenset(fonts.OLD_NAMES)),
    Rule(fonts.accented_switch, frozenset(FONT_SWITCHES), skip_commands=ACCENTS),
    Rule(fonts.font_switch, frozenset(FONT_SWITCHES)),
    Rule(fonts.fontless, _FONTS),
    Rule(names.not_equal, _words(r"\not")),
    Rule(environments.cell_braces, _TABLES),
    Rule(structure.redundant_braces, _FONTS | {"{"}),
    Rule(structure.accent_braces, ACCENTS, skip_commands=ACCENTS),
    Rule(fonts.boxed_letter, _TEXTS),
    Rule(
        fonts.text_letters, _TEXTS | {"*"}, skip_commands=TRANSPARENT
    ),  # the starred cases contain text without a command
    Rule(lossy.no_thin_space, lossy.THIN_SPACES, faithful=False),
    Rule(lossy.no_quad, lossy.QUADS, faithful=False),
    Rule(lossy.no_word_space, lossy.WORD_SPACES | _CONTROL_SPACES | _TEXTS, faithful=False),
    Rule(lossy.no_length, SPACE_COMMANDS | {"\\hspace", "\\vspace"}, faithful=False),
    Rule(lossy.no_fill, lossy.FILLS, faithful=False),
    Rule(spacing.word_space, _CONTROL_SPACES),
    Rule(structure.outermost, _FONTS | STYLE_SWITCHES.keys() | _SPACES | _TEXTS | {"{", "\\\\"}, recursive=False),
)

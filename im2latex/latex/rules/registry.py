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
from im2latex.latex.parser.tree import Command, Environment, Fence, Group, Node, Rewrite, Scripts
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
    nodes: frozenset[type[Node]] = frozenset()
    """Types of node that the rule looks for, alone or as a nucleus: it gets only rows with one. Empty for all rows."""
    needs_group: bool = False
    """Whether the rule changes nothing in a formula without a group in braces, so that it need not run there."""

    @property
    def name(self) -> str:
        """Name of the function."""
        return self.apply.__name__


_COMMANDS: frozenset[type[Node]] = frozenset([Command])
_ENVIRONMENTS: frozenset[type[Node]] = frozenset([Environment])
_BRACED: frozenset[type[Node]] = frozenset([Group, Scripts, Command, Fence, Environment])


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


RULES = (
    Rule(structure.invisible, structure.INVISIBLE),
    Rule(environments.display, _TABLES, nodes=_ENVIRONMENTS),
    Rule(environments.last_row, _TABLES, nodes=_ENVIRONMENTS),
    Rule(structure.ensured, structure.ENSURED, nodes=_COMMANDS),
    Rule(structure.trailing_break, frozenset(["\\\\"]), recursive=False),
    Rule(structure.coloured_infix, _words(r"\textcolor"), nodes=_COMMANDS),
    Rule(structure.open_fraction, INFIX, recursive=False),
    Rule(structure.infix_fraction, INFIX, skip_commands=SUBARRAYS | {"\\sideset"}),
    Rule(names.synonym, frozenset(names.SYNONYMS), skip_commands=PLAIN_CODES),
    Rule(names.delimiter_name, _SIZES, nodes=_COMMANDS | {Fence}),
    Rule(names.function_name, _words(r"\operatorname \operatornamewithlimits"), nodes=_COMMANDS),
    # a wide accent measures its argument without the style in force there
    Rule(names.usual_limits, _words(r"\limits \nolimits"), skip_commands=ACCENTS),
    Rule(spacing.space_name, SPACES),
    Rule(spacing.space_length, SPACE_COMMANDS, nodes=_COMMANDS),
    Rule(spacing.decimal, SPACE_COMMANDS | _words(r"\rule \raisebox \\ \above"), nodes=_COMMANDS | _ENVIRONMENTS),
    Rule(lossy.no_style_switch, frozenset(STYLE_SWITCHES), faithful=False),
    Rule(lossy.no_fraction_style, frozenset(lossy.FRACTIONS), faithful=False, nodes=_COMMANDS),
    Rule(lossy.no_left_right, _words(r"\left \middle"), faithful=False, nodes=_COMMANDS | {Fence}),
    Rule(lossy.no_delimiter_size, lossy.SIZES, faithful=False, nodes=_COMMANDS),
    Rule(fonts.old_font_name, frozenset(fonts.OLD_NAMES), nodes=_COMMANDS),
    Rule(fonts.accented_switch, frozenset(FONT_SWITCHES), skip_commands=ACCENTS, nodes=_COMMANDS),
    Rule(fonts.font_switch, frozenset(FONT_SWITCHES)),
    Rule(fonts.fontless, _FONTS, nodes=_COMMANDS),
    Rule(names.not_equal, _words(r"\not")),
    Rule(environments.cell_braces, _TABLES, nodes=_ENVIRONMENTS),
    Rule(structure.redundant_braces, _FONTS | {"{"}, nodes=_BRACED, needs_group=True),
    Rule(structure.accent_braces, ACCENTS, skip_commands=ACCENTS, nodes=_COMMANDS),
    Rule(fonts.boxed_letter, _TEXTS, nodes=_COMMANDS),
    # the starred cases contain text without a command
    Rule(fonts.text_letters, _TEXTS | {"*"}, skip_commands=TRANSPARENT, nodes=_COMMANDS),
    Rule(lossy.no_thin_space, lossy.THIN_SPACES, faithful=False),
    Rule(lossy.no_quad, lossy.QUADS, faithful=False),
    Rule(lossy.no_word_space, lossy.WORD_SPACES | _CONTROL_SPACES | _TEXTS, faithful=False),
    Rule(lossy.no_length, SPACE_COMMANDS | {"\\hspace", "\\vspace"}, faithful=False),
    Rule(lossy.no_fill, lossy.FILLS, faithful=False),
    Rule(spacing.word_space, _CONTROL_SPACES),
    Rule(structure.outermost, _FONTS | STYLE_SWITCHES.keys() | _SPACES | _TEXTS | {"{", "\\\\"}, recursive=False),
)

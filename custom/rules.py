r"""Normalizer rules of your own; they run after the built-in ones, in this order.

A rule is a function from a row of nodes (`im2latex.latex.parser.tree`) and its style to the row that takes its
place, with an example in its docstring. A team that writes `\varepsilon` for every epsilon would say:

    def one_epsilon(row: Row, _: MathStyle) -> Row:
        for node in nuclei(row):
            if isinstance(node, Token) and node.text == "\\epsilon":
                node.text = "\\varepsilon"
        return row

    RULES = (Rule(one_epsilon, triggers=frozenset(["\\epsilon"]), faithful=False),)

`faithful=False` says that the image changes, so that the rule runs in the profile `compact` only. Keep rules
idempotent: what a rule writes, it must leave alone. A changed file makes `dvc repro` normalize anew. To write one
sequence of tokens for another no rule is needed: see replacements.txt.
"""

from im2latex.latex.rules.table import Rule

RULES: tuple[Rule, ...] = ()

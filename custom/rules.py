r"""User-defined normalization rules; they run after the built-in ones, in this order.

A rule is a function from a row of nodes (`im2latex.latex.parser.tree`) and its math style to the row that replaces it,
with an example in its docstring. This rule writes `\varepsilon` for every `\epsilon`:

    def one_epsilon(row: Row, _: MathStyle) -> Row:
        for node in nuclei(row):
            if isinstance(node, Token) and node.text == "\\epsilon":
                node.text = "\\varepsilon"
        return row

    RULES = (Rule(one_epsilon, triggers=frozenset(["\\epsilon"]), faithful=False),)

`faithful=False` says that the rule changes the image, so that it runs in the profile `compact` only. Rules must be
idempotent: a rule does not change its own result. After a change of this file `dvc repro` runs normalize again. To
replace one sequence of tokens by another no rule is needed: see replacements.txt.
"""

from im2latex.latex.rules.registry import Rule

RULES: tuple[Rule, ...] = ()

r"""A seeded grammar of formulas, written as people write LaTeX: `x^2_i`, `\frac12`, `{\rm d}x`, `a\le b`.

It draws on `random.Random` alone, so that a seed gives the same formulas on every machine. The embedded corpus and the
property tests are drawn from it. Its formulas typeset within a few centimetres.
"""

from random import Random

from im2latex.latex.tokens import split

_LATIN = split("a b c d f g h i j k m n p q r s t u v x y z")
_CAPITAL = split("A B C E F G H K L M N P S T V X")
_GREEK = split(r"""\alpha \beta \gamma \delta \varepsilon \zeta \eta \theta \kappa \lambda \mu \xi \pi \rho \sigma \tau
    \phi \varphi \psi \omega \Gamma \Delta \Lambda \Sigma \Phi \Omega""")
_CONSTANTS = split(r"\infty \ell \hbar \partial \nabla")
_RELATIONS = split(r"= = = = = = < > \le \leq \ge \geq \ne \neq \equiv \approx \sim \cong \propto")
_ARROWS = split(r"\to \rightarrow \mapsto \Rightarrow \Longrightarrow")
_SET_RELATIONS = split(r"\in \notin \subset \subseteq")
_BINARY = split(r"+ + + + - - - - \cdot \times \pm \otimes \circ \ast /")
_SET_BINARY = split(r"\cup \cap \setminus \times")
_FUNCTIONS = split(r"\sin \sin \cos \cos \tan \log \ln \exp \det")
_LIMIT_FUNCTIONS = split(r"\lim \lim \max \min \sup \inf")
_SUMS = split(r"\sum \sum \sum \prod \int \int \int \oint \bigcup")
_ACCENTS = split(r"\hat \bar \tilde \vec \dot \widehat \overline")
_FONTS = {
    r"\mathbf": split("A B E F v x u"),
    r"\mathcal": split("A C F H L M"),
    r"\mathbb": split("R C N Z P E"),
    r"\mathrm": split("d i T"),
    r"\mathfrak": split("g h p m S"),
}
_SWITCHES = {r"\bf": split("x v A"), r"\cal": split("L H F"), r"\rm": split("d eff max")}
_NAMES = split(r"\operatorname{Tr} \operatorname{rank} \operatorname{Re} \operatorname{supp}")
_DELIMITERS = [
    ("(", ")"),
    ("[", "]"),
    (r"\{", r"\}"),
    ("|", "|"),
    (r"\|", r"\|"),
    (r"\langle ", r"\rangle "),
    (r"\lfloor ", r"\rfloor "),
    (r"\lceil ", r"\rceil "),
]
_GAPS = [r"\quad ", "~", r"\;", r"\, ", r"\qquad "]
_MATRICES = split("matrix pmatrix pmatrix pmatrix bmatrix bmatrix vmatrix")


def generate(count: int, seed: int) -> list[str]:
    """Distinct formulas, the same for the same `count` and `seed`; a longer list begins with the shorter one."""
    random = Random(seed)
    formulas: dict[str, None] = {}
    while len(formulas) < count:
        formulas.setdefault(formula(random))
    return list(formulas)


def formula(random: Random) -> str:
    """Draw one formula of one to two statements."""
    shape = random.random()
    if shape < 0.06:
        return _cases(random)
    if shape < 0.11:
        return _aligned(random)
    if shape < 0.19:
        return f"{_symbol(random)}{_relation(random)}{_matrix(random)}"
    if shape < 0.30:
        return _set_statement(random)
    if shape < 0.37:
        return f"{_statement(random, 1)},{random.choice(_GAPS)}{_range(random)}"
    return _statement(random, random.choices([1, 2, 3], weights=[5, 6, 1])[0])


def _statement(random: Random, depth: int) -> str:
    left, right = (depth, depth - 1) if random.random() < 0.5 else (depth - 1, depth)
    arrow = random.random() < 0.14
    middle = _spaced(random, random.choice(_ARROWS)) if arrow else _relation(random)
    return f"{_sum(random, left)}{middle}{_sum(random, right)}"


def _relation(random: Random) -> str:
    return _spaced(random, random.choice(_RELATIONS))


def _spaced(random: Random, command: str) -> str:
    """A command as people set it apart: always behind, since a letter may follow."""
    before = " " if random.random() < 0.4 else ""
    return f"{before}{command}{' ' if command[0] == chr(92) or before else ''}"


def _sum(random: Random, depth: int) -> str:
    """One to three terms."""
    terms = random.choices([1, 2, 3], weights=[6, 4, 1])[0]
    text = ("-" if random.random() < 0.08 else "") + _term(random, depth)
    for _ in range(terms - 1):
        text += _spaced(random, random.choice(_BINARY)) + _term(random, depth - 1)
    return text


def _term(random: Random, depth: int) -> str:
    if depth <= 0:
        return _atom(random)
    makers = [_scripted, _fraction, _root, _big_sum, _call, _fenced, _product, _accented, _stacked, _derivative, _limit]
    maker = random.choices(makers, weights=[24, 11, 6, 11, 10, 10, 14, 6, 3, 5, 3])[0]
    return maker(random, depth)


def _atom(random: Random) -> str:
    pick = random.random()
    if pick < 0.42:
        return random.choice(_LATIN)
    if pick < 0.58:
        return random.choice(_GREEK) + " "
    if pick < 0.70:
        return _number(random)
    if pick < 0.80:
        return random.choice(_CAPITAL)
    if pick < 0.88:
        return _scripted(random, 0)
    if pick < 0.91:
        return random.choice(_CONSTANTS) + " "
    return _styled(random)


def _number(random: Random) -> str:
    if random.random() < 0.08:
        return f"{random.randrange(10)}.{random.randrange(1, 100)}"
    return str(random.choice([0, 1, 1, 1, 2, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12]))


def _styled(random: Random) -> str:
    if random.random() < 0.25:
        switch = random.choice(list(_SWITCHES))
        return f"{{{switch} {random.choice(_SWITCHES[switch])}}}"
    font = random.choice(list(_FONTS))
    letter = random.choice(_FONTS[font])
    return f"{font} {letter}" if random.random() < 0.3 else f"{font}{{{letter}}}"


def _symbol(random: Random) -> str:
    return random.choice([random.choice(_LATIN), random.choice(_CAPITAL), random.choice(_GREEK) + " ", _styled(random)])


def _argument(random: Random, text: str) -> str:
    """An argument in braces, or without where a single character allows it."""
    return text if len(text) == 1 and random.random() < 0.7 else f"{{{text}}}"


def _index(random: Random) -> str:
    pick = random.random()
    if pick < 0.50:
        return random.choice("ijkmnpqrst")
    if pick < 0.72:
        return random.choice("0123456789")
    if pick < 0.80:
        return random.choice(["ij", "n+1", "n-1", "k-1", "2n", "i,j", "-1"])
    if pick < 0.95:
        return random.choice(_GREEK)
    return random.choice([r"\rm max", r"\mathrm{eff}", r"\text{min}", r"\infty", r"\ast", r"\dagger"])


def _scripted(random: Random, _: int) -> str:
    base = random.choice([random.choice(_LATIN), random.choice(_CAPITAL), random.choice(_GREEK), _styled(random)])
    sub, sup = f"_{_argument(random, _index(random))}", f"^{_argument(random, _index(random))}"
    primes = "'" * random.choice([1, 1, 2])
    return base + random.choices([sub, sup, sub + sup, sup + sub, primes, primes + sub], weights=[8, 8, 3, 2, 3, 1])[0]


def _fraction(random: Random, depth: int) -> str:
    above, below = _sum(random, depth - 2), _sum(random, depth - 2)
    pick = random.random()
    if pick < 0.10:
        return f"{{{above}\\over {below}}}"
    if pick < 0.20:
        return rf"\frac{random.randrange(1, 4)}{random.randrange(2, 10)}"
    if pick < 0.30:
        return random.choice([rf"\binom{{{above}}}{{{below}}}", rf"{{{above}\choose {below}}}"])
    command = random.choice([r"\frac", r"\frac", r"\frac", r"\frac", r"\dfrac", r"\tfrac"])
    return f"{command}{{{above}}}{{{below}}}"


def _root(random: Random, depth: int) -> str:
    inside = _sum(random, depth - 2)
    if random.random() < 0.3:
        return rf"\sqrt[{random.choice('345nmk')}]{{{inside}}}"
    return rf"\sqrt{{{inside}}}"


def _big_sum(random: Random, depth: int) -> str:
    command = random.choice(_SUMS)
    variable = random.choice("ijkmn")
    if "int" in command:
        low = random.choice(["0", "a", "-\\infty", r"\Omega", r"\partial D", "C", "S", "1"])
        top = random.choice(["1", "b", r"\infty", "t", "T", r"\pi"])
        high = "" if low[0] in "\\CS" else f"^{_argument(random, top)}"
        limits = r"\limits" if random.random() < 0.15 else ""
        over = random.choice("xtsuz")
        measure = random.choice([rf"\,d{over}", f"d{over}", rf"\,{{\rm d}}{over}", rf"\,\mathrm{{d}}{over}"])
        return f"{command}{limits}_{_argument(random, low)}{high}{_term(random, depth - 2)}{measure}"
    low = random.choice([f"{variable}=1", f"{variable}=0", variable, rf"{variable}\in I", rf"{variable}\ge 1"])
    top = random.choice(["n", "N", r"\infty", "m", "K", "n-1"])
    high = "" if "=" not in low else f"^{_argument(random, top)}"
    space = " " if not high else ""
    return f"{command}_{{{low}}}{high}{space}{_term(random, depth - 2)}"


def _limit(random: Random, depth: int) -> str:
    command = random.choice(_LIMIT_FUNCTIONS)
    variable = random.choice("nxtk")
    goal = random.choice([rf"{variable}\to\infty", rf"{variable}\to 0", rf"{variable}\in S", rf"{variable}\ge 1"])
    return f"{command}_{{{goal}}}{_term(random, depth - 1)}"


def _call(random: Random, depth: int) -> str:
    pick = random.random()
    inside = _sum(random, depth - 2)
    if pick < 0.45:
        power = f"^{random.choice('23')}" if random.random() < 0.2 else ""
        return (
            f"{random.choice(_FUNCTIONS)}{power}({inside})"
            if pick < 0.25
            else (f"{random.choice(_FUNCTIONS)}{power} {_atom(random)}")
        )
    if pick < 0.55:
        return f"{random.choice(_NAMES)}({inside})"
    name = random.choice(["f", "g", "F", "u", "P", "h", r"\phi", r"\psi", r"\Gamma", r"\zeta"])
    dots = random.choice([r"\dots", r"\dots", r"\ldots"])
    if pick < 0.65:
        variable = random.choice("xyz")
        return f"{name}({variable}_1,{dots},{variable}_n)"
    if pick < 0.80:
        return f"{name}({_atom(random)},{_atom(random)})"
    return f"{name}({inside})"


def _fenced(random: Random, depth: int) -> str:
    left, right = random.choice(_DELIMITERS)
    inside = _sum(random, depth - 1)
    size = random.random()
    if size < 0.4:
        text = rf"\left{left}{inside}\right{right}"
    elif size < 0.5:
        text = rf"\bigl{left}{inside}\bigr{right}"
    else:
        text = f"{left}{inside}{right}"
    return f"{text.rstrip()}^{_argument(random, _index(random))}" if random.random() < 0.3 else text


def _product(random: Random, depth: int) -> str:
    return f"{_atom(random)}{_term(random, depth - 1)}"


def _accented(random: Random, _: int) -> str:
    accent = random.choice(_ACCENTS)
    letter = random.choice([random.choice(_LATIN), random.choice(_GREEK), random.choice(_CAPITAL)])
    inside = f" {letter}" if random.random() < 0.3 else f"{{{letter}}}"
    return f"{accent}{inside}" + (f"_{random.choice('ijk012')}" if random.random() < 0.4 else " ")


def _stacked(random: Random, depth: int) -> str:
    inside = _sum(random, depth - 2)
    return random.choice(
        [
            rf"\underbrace{{{inside}}}_{{{_index(random)}}}",
            rf"\overbrace{{{inside}}}^{{{_index(random)}}}",
            rf"\stackrel{{{random.choice(_LATIN)}}}{{\longrightarrow}} {random.choice(_CAPITAL)}",
            rf"\overset{{{random.choice('!*')}}}{{=}} {inside}",
            rf"\xrightarrow{{{random.choice(_LATIN)}}} {random.choice(_CAPITAL)}",
        ]
    )


def _derivative(random: Random, _: int) -> str:
    top = random.choice(["f", "u", "x", r"\phi", r"\psi", "L", "y"])
    below = random.choice("xtyz")
    sign = random.choice([r"\partial ", r"\partial ", "d"])
    if random.random() < 0.3:
        return rf"\frac{{{sign}^2 {top}}}{{{sign}{below}^2}}"
    return rf"\frac{{{sign}{top}}}{{{sign}{below}}}"


def _set_statement(random: Random) -> str:
    pick = random.random()
    left, right = _scripted(random, 0), _symbol(random)
    if pick < 0.35:
        relation = _spaced(random, random.choice(_SET_RELATIONS))
        return f"{left}{relation}{right}{_spaced(random, random.choice(_SET_BINARY))}{_scripted(random, 0)}"
    if pick < 0.65:
        quantifier = random.choice([r"\forall", r"\exists"])
        bound = random.choice([r"\varepsilon>0", r"x\in\mathbb{R}", r"n\in\mathbb N", r"t\in[0,T]"])
        gap = random.choice([" ", "~"])
        return f"{quantifier} {bound}:{gap}{_statement(random, 1)}"
    if pick < 0.85:
        mark = random.choice([r"\mid ", ":", "|"])
        domain = random.choice([" X", r"\mathbb{R}^n", " V"])
        return rf"{random.choice(_CAPITAL)}=\{{ x\in{domain} {mark} {_statement(random, 1)}\}}"
    logic = random.choice([r"\land ", r"\lor ", r"\Rightarrow "])
    negation = random.choice([r"\neg ", ""])
    return f"{negation}{_scripted(random, 0)}{_relation(random)}{_atom(random)}{logic}{_statement(random, 0)}"


def _range(random: Random) -> str:
    variable = random.choice("ijkn")
    dots = random.choice([r"\dots", r"\ldots"])
    return random.choice(
        [
            f"{variable}=1,{dots},{random.choice('nmN')}",
            rf"{variable}\ge {random.randrange(3)}",
            rf"\forall {random.choice('xyt')}\in\mathbb{{R}}",
            rf"\text{{for all }}{random.choice('xtn')}",
            rf"\text{{if }}{random.choice('xtn')}>0",
            rf"|{random.choice('xz')}|<1",
        ]
    )


def _matrix(random: Random) -> str:
    name = random.choice(_MATRICES)
    columns, rows = random.choice([2, 2, 3]), random.choice([2, 2, 2, 3])
    cells = [" & ".join(_entry(random) for _ in range(columns)) for _ in range(rows)]
    body = r" \\ ".join(cells)
    if random.random() < 0.25:
        return rf"\left(\begin{{array}}{{{random.choice('clr') * columns}}} {body} \end{{array}}\right)"
    return rf"\begin{{{name}}} {body} \end{{{name}}}"


def _entry(random: Random) -> str:
    if random.random() < 0.15:
        return random.choice([r"\cdots", r"\vdots"])
    return random.choice(
        [_number(random), _scripted(random, 0), _symbol(random), "-" + random.choice(_LATIN), "0", "1"]
    )


def _cases(random: Random) -> str:
    condition = _relation(random)
    variable = random.choice("xtn")
    first, second = _term(random, 1), _term(random, 1)
    last = random.choice([r"\text{otherwise}", rf"{variable}\ne {random.randrange(3)}", r"\text{else}"])
    body = rf"{first}, & {variable}{condition}{_number(random)} \\ {second}, & {last}"
    return rf"{random.choice('fghu')}({variable})=\begin{{cases}} {body} \end{{cases}}"


def _aligned(random: Random) -> str:
    middle = rf"{_symbol(random)} &= {_sum(random, 1)} \\ "
    return rf"\begin{{aligned}} {middle}{_symbol(random)} &= {_sum(random, 1)} \end{{aligned}}"

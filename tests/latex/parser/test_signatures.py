from im2latex.latex.parser.signatures import COMMANDS, ENVIRONMENTS, KINDS


def test_every_kind_of_argument_is_described() -> None:
    assert set("".join(COMMANDS.values())) <= KINDS.keys()
    assert set("".join(ENVIRONMENTS.values())) <= KINDS.keys() | {"p"}

from im2latex.latex.signatures import COMMANDS, ENVIRONMENTS, FORBIDDEN, KINDS


def test_every_kind_of_argument_is_described() -> None:
    assert set("".join(COMMANDS.values())) <= KINDS.keys()
    assert set("".join(ENVIRONMENTS.values())) <= KINDS.keys() | {"p"}


def test_nothing_forbidden_has_a_signature() -> None:
    assert not FORBIDDEN & COMMANDS.keys()

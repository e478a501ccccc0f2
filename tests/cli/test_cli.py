"""The command line as a user meets it: exit codes, one-sentence errors, no traceback."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from im2latex import cli

TEAM_RULES = r"""
from im2latex.latex.rules.registry import Rule
from im2latex.latex.parser.tree import Token, nuclei

def one_epsilon(row, style):
    for node in nuclei(row):
        if isinstance(node, Token) and node.text == "\\epsilon":
            node.text = "\\varepsilon"
    return row

RULES = (Rule(one_epsilon, frozenset(["\\epsilon"]), faithful=False),)
"""

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run `im2latex ...` in an empty folder; returns exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["im2latex", *arguments])
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        printed = capsys.readouterr()
        return int(stopped.value.code or 0), printed.out, printed.err

    return run


def test_generate_is_seeded(command: Command) -> None:
    code, first, _ = command("generate", "-n", "20", "--seed", "3")
    assert code == 0
    assert len(first.splitlines()) == 20
    assert command("generate", "-n", "20", "--seed", "3")[1] == first
    assert command("generate", "-n", "20", "--seed", "4")[1] != first


def test_normalize_has_a_line_of_output_per_line(command: Command) -> None:
    code, out, _ = command("normalize", stdin=b"\\frac12\r\n}{\n\nx^2\xe9\nx^2")
    assert code == 0
    assert out.splitlines() == ["\\frac { 1 } { 2 }", "", "", "", "x ^ { 2 }"]


def test_normalize_reports_reasons(command: Command) -> None:
    Path("f.jsonl").write_text('{"formula": "x^2", "id": "a"}\n{"formula": "}", "id": "b"}\n{"x": 1}\n')
    code, out, _ = command("normalize", "f.jsonl", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert rows[0] == {"id": "a", "latex": "x ^ { 2 }", "reason": None}
    assert rows[1]["latex"] is None
    assert rows[1]["reason"].startswith("unbalanced_group")
    assert rows[2]["reason"].startswith("missing_formula")


def test_normalize_explains_itself(command: Command) -> None:
    code, out, _ = command("normalize", "--explain", stdin=b"{\\bm x}\n\\foo\n")
    assert code == 0
    assert out.splitlines() == [
        r"parse             { \bm { x } }",
        r"old_font_name     { \boldsymbol { x } }",
        r"outermost         \boldsymbol { x }",
        "",
        r"refused           not_allowed at character 0: \foo",
        "",
    ]
    answer = json.loads(command("normalize", "--explain", "--json", stdin=b"x\n")[1])
    assert answer == {"id": None, "latex": "x", "reason": None, "steps": [["parse", "x"]]}


@pytest.mark.needs_tex
def test_audit_compares_images(command: Command) -> None:
    Path("rules.py").write_text(TEAM_RULES.replace(", faithful=False", ""))
    code, out, err = command("audit", stdin=b"x^2\n\\epsilon\n}\n")
    assert (code, err) == (0, "")
    assert json.loads(out)["same"] == 2
    Path("params.yaml").write_text("normalize: {normalizer: {rules: rules.py}}\n")
    code, out, err = command("audit", stdin=b"x^2\n\\epsilon\n")
    assert (code, err) == (1, "changed: \\epsilon\n")
    assert json.loads(out)["rules_of_changed"] == {"one_epsilon": 1}


def test_normalize_follows_the_parameters_of_the_folder(command: Command) -> None:
    Path("rules.py").write_text(TEAM_RULES)
    Path("params.yaml").write_text(
        "normalize: {normalizer: {profile: compact, rules: rules.py, commands: {'\\qty': m}}}\n"
    )
    assert command("normalize", stdin=b"\\epsilon \\, \\qty1\n")[1] == "\\varepsilon \\qty { 1 }\n"
    assert command("normalize", "--profile", "faithful", stdin=b"\\epsilon\n")[1] == "\\epsilon\n"


def test_normalize_counts_and_explains_replacements(command: Command) -> None:
    Path("r.txt").write_text("\\bm -> \\mathbf\n\\quad ->\n")
    Path("params.yaml").write_text("normalize: {normalizer: {replacements: r.txt, enable_rules: [no_left_right]}}\n")
    source = b"\\bm x\\quad\\left(\\bm y\\right)\ny\n"
    code, out, err = command("normalize", stdin=source)
    assert (code, out) == (0, "\\mathbf { x } ( \\mathbf { y } )\ny\n")
    assert err == "replaced 2: \\boldsymbol\nreplaced 1: \\quad\n"
    steps = [line.split(maxsplit=1) for line in command("normalize", "--explain", stdin=source)[1].splitlines() if line]
    assert [name for name, _ in steps] == ["parse", "no_left_right", "old_font_name", "replacements", "parse"]
    assert steps[-2][1] == "\\mathbf { x } ( \\mathbf { y } )"
    Path("r.txt").write_text("a -> b\nb -> a\n")
    code, _, err = command("normalize", stdin=source)
    assert (code, err.count("\n")) == (2, 1)


def test_normalize_profiles(command: Command) -> None:
    assert command("normalize", "--profile", "none", stdin=b" a  b \n")[1] == "a b\n"
    code, _, err = command("normalize", "--profile", "exact", stdin=b"x\n")
    assert code == 2
    expected = "im2latex: invalid value for '--profile': 'exact' is not one of 'faithful', 'compact', 'none'; see"
    assert err.startswith(expected)
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["normalize", "absent.txt"], 1, "im2latex: absent.txt: no such file; check the name"),
        (["normalize", "."], 1, "im2latex: .: is a folder, not a file"),
        (
            ["download", "im2latex-1k"],
            2,
            "im2latex: 'im2latex-1k' is not a known dataset; choose im2latex-100k",
        ),
        (["verify"], 1, "im2latex: reports/manifest: holds no manifest; run `dvc repro`"),
        (["score", "a.txt", "b.txt"], 1, "im2latex: a.txt: no such file"),
    ],
)
def test_mistakes_are_one_sentence(command: Command, arguments: list[str], code: int, sentence: str) -> None:
    found, _, err = command(*arguments)
    assert found == code
    assert err.startswith(sentence)
    assert err.count("\n") == 1


def test_an_unknown_option_is_wrong_usage(command: Command) -> None:
    code, _, err = command("normalize", "--quick")
    assert code == 2
    assert "no such option: --quick" in err


def test_score_prints_json(command: Command) -> None:
    Path("a.txt").write_text("x ^ { 2 }\ny\n")
    Path("b.txt").write_text("x ^ { 3 }\ny\n")
    code, out, _ = command("score", "a.txt", "b.txt")
    scores = json.loads(out)
    assert code == 0
    assert scores["n"] == 2
    assert scores["exact"] == 0.5
    assert set(scores["intervals"]["bleu"]) <= {0.0, 1.0} or len(scores["intervals"]["bleu"]) == 2


def test_score_says_how_the_formulas_were_cut(command: Command) -> None:
    Path("params.yaml").write_text("normalize: {normalizer: {profile: compact}}\n")
    Path("a.txt").write_text("x^2\n\\frac12 \\, y\n\n}\n")
    Path("b.txt").write_text("x ^ {2}\n\\frac 1 {2}\\thinspace y\n\n}\n")
    found = {}
    for options in ((), ("--tokenizer", "whitespace"), ("--normalize",)):
        code, out, err = command("score", "a.txt", "b.txt", *options)
        assert (code, err) == (0, "")
        scores = json.loads(out)
        assert scores["blank_lines"] == {"references": 1, "hypotheses": 1}
        found[options] = scores
    summary = {key: (one["tokenizer"], one["normalized"], one["exact"]) for key, one in found.items()}
    assert list(summary.values()) == [("latex", None, 0.5), ("whitespace", None, 0.25), ("latex", "faithful", 0.75)]
    assert found["--normalize",]["refused"] == {
        "references": {"unbalanced_group": 1},
        "hypotheses": {"unbalanced_group": 1},
    }
    code, _, err = command("score", "a.txt", "b.txt", "--tokenizer", "bpe")
    assert (code, "'bpe'" in err) == (2, True)


def test_score_with_baselines_nests_them(command: Command) -> None:
    Path("a.txt").write_text("x ^ { 2 }\ny\ny\n")
    Path("b.txt").write_text("x ^ { 3 }\ny\n\n")
    code, out, _ = command("score", "a.txt", "b.txt", "--baselines")
    scores = json.loads(out)
    assert code == 0
    assert (scores["n"], scores["errors"]["replaced"]) == (3, [["2", "3", 1]])
    exact = {name: block["exact"] for name, block in scores["baselines"].items()}
    assert exact == {"empty": 0.0, "most_frequent": round(2 / 3, 6), "one_changed": 0.0}


@pytest.mark.needs_tex
def test_score_of_images_has_every_score(command: Command) -> None:
    Path("a.txt").write_text("x ^ 2\ny\n")
    Path("b.txt").write_text("x ^ { 2 }\nz\n")
    code, out, _ = command("score", "a.txt", "b.txt", "--images", "--tokenizer", "whitespace")
    scores = json.loads(out)
    assert code == 0
    assert (scores["exact"], scores["image_exact"], scores["cdm"], scores["cdm_exact"]) == (0.0, 0.5, 0.5, 0.5)
    assert set(scores["intervals"]) == {
        *("bleu", "edit", "token_error_rate", "cer", "exact", "image_exact", "image_match", "image_match_nospace"),
        *("image_edit", "compiles", "cdm", "cdm_exact", "cdm_strict"),
    }


@pytest.mark.needs_tex
def test_render_writes_a_row_a_formula(command: Command) -> None:
    import pyarrow.parquet as pq

    code, _, err = command("render", "-o", "out.parquet", stdin=b"x^2\n\\undefined\nx^2\n")
    rows = pq.read_table("out.parquet").to_pylist()
    assert code == 0
    assert err == "out.parquet: 3 formulas, 1 without an image\n"
    assert [row["formula"] for row in rows] == ["x^2", "\\undefined", "x^2"]
    assert rows[0]["image"]["bytes"].startswith(b"\x89PNG")
    assert rows[1]["image"] is None
    assert rows[1]["reason"] == "not_allowed: \\undefined"
    assert rows[0]["image"] == rows[2]["image"]


@pytest.mark.needs_tex
def test_render_takes_a_style(command: Command) -> None:
    import pyarrow.parquet as pq

    Path("params.yaml").write_text("render: {styles: {variants: [{name: large, size: 20pt, fonts: times}]}}\n")
    heights = {}
    for style in ("base", "large"):
        assert command("render", "-o", f"{style}.parquet", "--style", style, stdin=b"x\n")[0] == 0
        heights[style] = pq.read_table(f"{style}.parquet")["height"][0].as_py()
    assert heights["large"] > 1.4 * heights["base"]
    code, _, err = command("render", "-o", "a.parquet", "--style", "small", stdin=b"x\n")
    assert code == 2
    assert "there are base, large" in err


@pytest.mark.needs_tex
def test_render_writes_a_folder(command: Command) -> None:
    Path("f.jsonl").write_text('{"formula": "x", "id": "a"}\n{"formula": "y", "id": "../b"}\n')
    assert command("render", "f.jsonl", "-o", "out")[0] == 0
    rows = [json.loads(line) for line in Path("out/render.jsonl").read_text().splitlines()]
    assert rows[0]["image"] == "a.png"
    assert all((Path("out") / row["image"]).is_file() for row in rows)
    assert not Path("b.png").exists()


def test_runs_side_by_side(command: Command, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 2)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.json").write_text(json.dumps({"bleu": seed / 10, "n": 5}))
        (tmp_path / name / "params.yaml").write_text(f"train: {{seed: {seed}, precision: same}}")
    code, out, _ = command("runs", str(tmp_path / "a"), str(tmp_path / "b"), "--metric", "bleu", "--json")
    assert code == 0
    assert [(Path(run["name"]).name, run["params"]) for run in json.loads(out)] == [
        ("b", {"train.seed": 2}),
        ("a", {"train.seed": 1}),
    ]
    code, out, _ = command("runs", str(tmp_path / "a"), str(tmp_path / "b"))
    assert (code, [line.split()[-1] for line in out.splitlines()]) == (0, ["train.seed", "1", "2"])
    code, _, error = command("runs", str(tmp_path))
    assert (code, error.count("\n")) == (1, 1)
    (tmp_path / "unscored").mkdir()
    (tmp_path / "unscored" / "checkpoint.json").write_text('{"counts": {"samples": 9}}')
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "metrics.json").write_text("{")
    names = ("a", "unscored", "none", "damaged")
    code, out, error = command("runs", *(str(tmp_path / name) for name in names), "--json")
    assert code == 0
    assert [(run["samples"], run["scores"]) for run in json.loads(out)] == [(None, {"bleu": 0.1}), (9, {})]
    none, damaged = error.splitlines()
    assert none == f"im2latex: {tmp_path / 'none'}: has no run: neither metrics.json nor checkpoint.json"
    assert "metrics.json" in damaged


def test_a_checkpoint_is_fetched_by_its_run(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("im2latex.training.loggers.download_checkpoint", lambda run, into: into / run.replace("/", "-"))
    code, out, _ = command("download", "wandb:team/project/run")
    assert (code, out) == (0, "models/run/team-project-run\n")

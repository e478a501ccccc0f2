import pytest

from im2latex.rendering.tex_log import PageResult, parse_log

MARK = "@0123"


def said(*messages: str) -> str:
    """A transcript in which TeX says the messages, each after a marker; others are its own chatter."""
    return "This is pdfTeX\n" + "".join(f"\n{MARK} {message}\n" for message in messages)


def test_pages_are_counted_in_the_order_of_shipping() -> None:
    text = said(
        "start 0", "page 30 20", "start 1", "wide 9000", "start 2", "tall 5000", "start 3", "page 8 9", "finish"
    )
    record = parse_log(text, MARK)
    assert record.results == {
        0: PageResult(1, size=(20, 30)),
        1: PageResult(None, "too_wide", "9000 px"),
        2: PageResult(None, "too_tall", "5000 px"),
        3: PageResult(2, size=(9, 8)),
    }
    assert (record.finished, record.last, record.pages, record.left_open) == (True, 3, 2, False)


def test_an_error_fails_the_formula_and_its_page_still_counts() -> None:
    text = said("start 0\n! Undefined control sequence.\nl.7 a \\foo\n          b", "page 1 1", "start 1", "page 2 2")
    record = parse_log(text, MARK)
    assert record.results == {0: PageResult(None, "undefined_macro", r"\foo"), 1: PageResult(2, size=(2, 2))}
    assert not record.finished


def test_a_run_that_was_lost_names_its_last_formula() -> None:
    record = parse_log(said("start 0", "page 1 1", "start 1", "lost"), MARK)
    assert (record.left_open, record.last, record.finished) == (True, 1, False)


def test_formulas_in_another_encoding_are_listed() -> None:
    record = parse_log(
        said("start 0", "page 1 1", "start 1", "encoding", "encoding", "page 2 2", "start 2", "finish"), MARK
    )
    assert record.encodings == {1}
    assert {number: result.page for number, result in record.results.items()} == {0: 1, 1: 2}


def test_text_of_a_formula_is_no_marker() -> None:
    record = parse_log(said("start 0\n! Missing $ inserted.\nl.3 @9999 start 5", "page 1 1", "finish"), MARK)
    assert set(record.results) == {0}


@pytest.mark.parametrize(
    ("message", "reason", "detail"),
    [
        ("! LaTeX Error: Environment foo undefined.", "undefined_environment", "foo"),
        ("! Missing character: There is no a in font rsfs10!", "missing_character", "a"),
        ("! Missing $ inserted.", "missing_dollar", "Missing $ inserted."),
        ("! Extra alignment tab has been changed to \\cr.", "extra_alignment", None),
        ("! Paragraph ended before \\frac was complete.", "runaway", None),
        ("! Extra }, or forgotten $.", "unbalanced", None),
        ("! TeX capacity exceeded, sorry [grouping levels=255].", "too_deep", None),
        ("! TeX capacity exceeded, sorry [main memory size=5000000].", "memory", None),
        ("! Dimension too large.", "dimension_too_large", None),
        ("! Double superscript.", "double_script", None),
        ("! Illegal unit of measure (pt inserted).", "bad_length", None),
        ("LaTeX Warning: Reference `x' on page 1 undefined on input line 33.", "undefined_reference", "`x'"),
        (
            'LaTeX Warning: Command \\" invalid in math mode on input line 27.',
            "wrong_mode",
            'LaTeX Warning: Command \\" invalid in math mode',
        ),
        ("! Something new.", "tex_error", "Something new."),
    ],
)
def test_reasons(message: str, reason: str, detail: str | None) -> None:
    verdict = parse_log(said(f"start 0\n{message}\nl.3 x"), MARK).results[0]
    assert verdict.reason == reason
    assert detail is None or verdict.detail == detail

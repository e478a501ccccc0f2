from im2latex.rendering.rasterizers import pdf_library_worker


def test_the_policy_of_imagemagick_allows_pdf_and_nothing_that_is_not_needed() -> None:
    assert "{PDF,GRAY}" in pdf_library_worker._POLICY

"""Hierarchy of the errors that the toolkit raises.

    Im2LatexError            one sentence: the value, the rule and the next step
    ├─ UsageError            the request cannot be carried out as asked          exit 2
    │  └─ ParamsError        a key or value in params.yaml
    ├─ InputError            a file or record that cannot be read                exit 1
    │  └─ ImageError         one image cannot be read: reason, detail
    ├─ ToolError             a program is missing, too old, or failed            exit 1
    ├─ ArtifactError         an artifact is missing, damaged or of another run   exit 1
    └─ LatexError            one formula is refused: reason, detail, position

The command line prints the sentence and no traceback. A `LatexError` never ends a run: code that processes many
formulas catches it and counts its reason in the ledger.
"""

import errno

_REASONS = {
    "bad_definition": "a definition cannot be read: {}",
    "control_character": "{} is a control character",
    "forbidden_command": "{} is forbidden",
    "non_ascii": "{} is not ASCII, and no command is known for it",
    "not_allowed": "{} is not allowed",
    "unreadable_definition": "a definition after {} cannot be read",
    "unresolved_conditional": "{} cannot be evaluated",
}
"""Sentences of the reasons whose detail is only a name."""
_REASONS_ALONE = {"empty": "the formula is empty", "blank_line": "the formula has a blank line"}
FULL_DISK = "the disk is full; free some space and run the same command again"


def is_full(error: OSError) -> bool:
    """Whether the disk, or the user's share of it, is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


class Im2LatexError(Exception):
    """Base of all errors that the user sees as one sentence."""

    exit_code = 1


class UsageError(Im2LatexError):
    """The command, option or parameter is wrong; nothing was done."""

    exit_code = 2


class ParamsError(UsageError):
    """A key of params.yaml is unknown, missing, or its value breaks a rule."""


class InputError(Im2LatexError):
    """An input file is missing, unreadable or malformed."""


class ImageError(InputError):
    """One image is refused; `reason` is a fixed short name, such as "blank", and `detail` a sentence for people."""

    def __init__(self, reason: str, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(detail)


class ToolError(Im2LatexError):
    """An external program is missing or did not do its work."""


class ArtifactError(Im2LatexError):
    """An artifact is missing, damaged, or belongs to another run."""


class LatexError(Im2LatexError):
    """One formula is refused.

    `reason` is a fixed short name that the ledger counts, such as "unbalanced_group"; `detail` says what it was;
    `position` is the offset in characters into the formula as given, or None where none can be named. `str(error)` says
    the same as `sentence` in words, without the name of the reason.
    """

    def __init__(self, reason: str, detail: str = "", position: int | None = None) -> None:
        self.reason = reason
        self.detail = detail
        self.position = position
        super().__init__(reason, detail, position)

    def __str__(self) -> str:
        words = _REASONS.get(self.reason, "{}").format(self.detail) if self.detail else ""
        place = f" at character {self.position}" if self.position is not None else ""
        return (words or _REASONS_ALONE.get(self.reason, self.reason.replace("_", " "))) + place

    @property
    def sentence(self) -> str:
        """Reason, place and detail in one line."""
        place = f" at character {self.position}" if self.position is not None else ""
        return f"{self.reason}{place}" + (f": {self.detail}" if self.detail else "")

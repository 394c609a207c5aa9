"""Every error the engine raises on purpose, named for what the caller can do about it."""


class RiskEngineError(Exception):
    """Root of all errors raised on purpose; its text is fit to be shown."""


class InvalidRequestError(RiskEngineError):
    """A request cannot be judged as it stands: mend the field and send it again."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field


class RulesetError(RiskEngineError):
    """Rules do not load. `mistakes` holds all of them, each as `file:line: what would be right`."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


class ModelError(RiskEngineError):
    """A model cannot be used: missing, damaged, or not made for this release."""


class StoreError(RiskEngineError):
    """The shared store did not answer in time, or refused. Decide without it."""


class OverloadedError(RiskEngineError):
    """The engine has more to do than it can; come back later."""


class DeadlineError(RiskEngineError):
    """The call's deadline passed before work on it began."""


class SettingsError(RiskEngineError):
    """A flag or environment variable is not usable; the message names it."""


class InputError(RiskEngineError):
    """A file given to a command cannot be read; the message names file and line."""


class OperatorError(RiskEngineError):
    """A SecLang operator cannot be compiled; the message names it and the cause."""

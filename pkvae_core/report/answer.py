"""Does a saved case still give the answer that it gave?"""

from dataclasses import asdict, dataclass

from pydantic import TypeAdapter, ValidationError

from pkvae_core.case import Case, digest_of, read_document
from pkvae_core.dosing.option import Option
from pkvae_core.inference.posterior import Posterior
from pkvae_core.patient import Regimen


@dataclass(frozen=True)
class Answer:
    """What was computed from a case: the same model version, seed and draws give it again. `regimen` is None when nothing met the target."""

    drug: str
    model_version: str
    seed: int
    draws: int
    digest: str
    regimen: Regimen | None
    exposure_median: float | None = None
    exposure_low90: float | None = None
    exposure_high90: float | None = None
    probability_in: float | None = None
    probability_above: float | None = None
    probability_below: float | None = None

    def caution(self, model_version: str) -> str | None:
        """What to know when another model than the one that answered is at hand; None when it is the same."""
        if model_version == self.model_version:
            return None
        return f"This case was answered by {self.model_version}; this program has {model_version}. The numbers below are new and may differ from those saved."


def answer_of(case: Case, posterior: Posterior, option: Option | None) -> Answer:
    """The answer as it is saved; an exposure without limit, of draws that never settle, is left empty."""
    numbers = {name: getattr(option, name) for name in Answer.__dataclass_fields__ if name.startswith(("exposure_", "probability_"))} if option else {}
    finite = {name: value if value < float("inf") else None for name, value in numbers.items()}
    return Answer(case.drug, posterior.version, posterior.seed, posterior.diagnostics.draws, case.digest, option.regimen if option else None, **finite)


def save_answer(case: Case, posterior: Posterior, option: Option | None) -> str:
    """The case and its answer as one JSON file."""
    return case.to_json(result=asdict(answer_of(case, posterior, option)))


def reopen(text: str | bytes) -> tuple[Case, Answer | None]:
    """The saved case, and its answer where one was saved. Raises ValueError, in a sentence, for a broken file or an answer to another case."""
    case, document = Case.from_json(text), read_document(text)
    result = document.get("result")
    if result is None:
        return case, None
    try:
        answer = TypeAdapter(Answer).validate_python(result)
    except ValidationError as error:
        raise ValueError(f"The saved answer is damaged at {'.'.join(map(str, error.errors()[0]['loc'])) or 'its start'}. Choose another file.") from error
    if answer.digest != digest_of(document):
        raise ValueError("The saved answer belongs to other data than the case beside it: the file was edited. Choose another file.")
    return case, answer

"""Does a model know strangers when it sees them, and does it leave its own patients alone?"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from pkvae_core.checks.engines import chunks
from pkvae_core.checks.progress import Progress, silent
from pkvae_core.checks.strange import Draw, makers
from pkvae_core.inference.domain import entitlement
from pkvae_core.inference.occasions import unmeasured
from pkvae_core.inference.posterior import individualise_all
from pkvae_core.inference.verdict import CAUTION, OUT, REFUSED
from pkvae_core.patient import Patient
from pkvae_core.vae.vae import PKVAE

LEVELS = (1, 2, 4)
OWN = ("like the training", "like the training, covariates partly unknown")
HARDLY = 0.5  # a kind of which fewer than half are noticed is named


@dataclass(frozen=True)
class Rate:
    """Of `patients` of one kind with so many levels each: how many are refused, out (another method answers), or answered with a caution."""

    kind: str
    levels: int
    patients: int
    refused: int
    out: int
    caution: int

    @property
    def noticed(self) -> float:
        """Share about whom the model does not speak."""
        return (self.refused + self.out) / self.patients if self.patients else 0.0

    @property
    def warned(self) -> float:
        """Share that it answers with a caution."""
        return self.caution / self.patients if self.patients else 0.0


@dataclass(frozen=True)
class Strangers:
    """Every kind at every number of levels; `seed` draws them again."""

    drug: str
    seed: int
    rates: tuple[Rate, ...]

    def pooled(self, kind: str) -> Rate:
        """One kind over all numbers of levels."""
        own = [r for r in self.rates if r.kind == kind]
        return Rate(kind, 0, *(sum(getattr(r, name) for r in own) for name in ("patients", "refused", "out", "caution")))

    def rows(self) -> tuple[dict[str, str | int | float], ...]:
        """One row for each kind and number of levels."""
        return tuple(asdict(r) | {"noticed": r.noticed, "warned": r.warned} for r in self.rates)

    @property
    def sentence(self) -> str:
        """What the table says, and what one level alone cannot show."""
        own = self.pooled(OWN[0])
        slips = [self.pooled(f"every level ten times too {side}") for side in ("high", "low")]
        found = sum(r.refused + r.out for r in slips) / max(1, sum(r.patients for r in slips))
        missed = [f"{r.kind} ({r.noticed:.0%})".replace("%", " %") for r in self.rates if r.levels == 1 and r.kind not in OWN and r.noticed < HARDLY]
        alone = f" One level alone does not show: {', '.join(missed)}." if missed else ""
        usual = f"{100 * own.noticed:.1f} % of {own.patients:,} patients like those of the training"
        return f"{usual} are sent away, and {100 * found:.1f} % of tenfold errors.{alone}"


def strangers(model: PKVAE, *, patients: int = 200, levels: Sequence[int] = LEVELS, seed: int = 0, progress: Progress = silent) -> Strangers:
    """Whether the model may speak about `patients` virtual patients of each kind, with each number of levels; three times as many of its own kinds."""
    kinds = list(makers(Draw(model.card, patients, levels[0], seed)))
    total, rates = len(kinds) * len(levels), []
    for count in levels:
        for kind in kinds:
            draw = Draw(model.card, 3 * patients if kind in OWN else patients, count, seed)
            verdicts = verdicts_on(model, makers(draw)[kind](), seed=seed)
            rates.append(Rate(kind, count, len(verdicts), *(verdicts.count(v) for v in (REFUSED, OUT, CAUTION))))
            progress(len(rates), total)
    return Strangers(model.card.drug, seed, tuple(sorted(rates, key=lambda r: (kinds.index(r.kind), r.levels))))


def verdicts_on(model: PKVAE, patients: Sequence[Patient], *, seed: int = 0) -> list[str]:
    """The verdict on each patient; every batch has random numbers of its own."""
    found: list[str] = []
    for number, batch in enumerate(chunks(patients, most=24)):
        own = 1009 * seed + number
        posteriors = individualise_all(model, batch, seed=own)
        priors = individualise_all(model, [unmeasured(model.card, p) for p in batch], seed=own)
        found += [entitlement(posterior, prior).verdict for posterior, prior in zip(posteriors, priors, strict=True)]
    return found


COLUMNS = ("patients", "levels", "counted", "sent away", "of them refused", "answered with a caution")


def table(found: Strangers) -> str:
    """The rates as a Markdown table; "sent away" is out or refused."""
    lines = [COLUMNS, ("---",) * len(COLUMNS), *(_row(r) for r in found.rates)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _row(rate: Rate) -> tuple[str, ...]:
    refused = rate.refused / rate.patients if rate.patients else 0.0
    return rate.kind, str(rate.levels), f"{rate.patients:,}", *(f"{100 * share:.1f} %" for share in (rate.noticed, refused, rate.warned))


def summary(found: Strangers) -> dict:
    """The same figures for the provenance."""
    return {"seed": found.seed, "sentence": found.sentence, "rates": list(found.rows())}

"""A record says that a regimen had come to a steady state (SS=1): does it, in these draws?"""

from dataclasses import replace

from pkvae_core.dosing.option import affordable
from pkvae_core.dosing.steady_state import steady_spans
from pkvae_core.inference.posterior import Posterior
from pkvae_core.patient import Regimen
from pkvae_core.wording import duration_words, regimen_words, times_out_of

WORTH_SAYING = 0.01  # share of the outcomes


def share_never_settled(posterior: Posterior, claimed: Regimen) -> float:
    """How probable it is that levels on this regimen, begun without any drug, have not settled at the card's horizon."""
    few = affordable(replace(posterior, patient=replace(posterior.patient, doses=())))
    span = steady_spans(few, (claimed,), 1)[claimed](claimed.amount_mg)
    return float(few.weight.double().numpy() @ ~span.is_settled)


def claim_cautions(posterior: Posterior, claimed: Regimen | None) -> tuple[str, ...]:
    """That the record's steady state is none in so many outcomes; nothing where there is one, and where none is claimed."""
    if claimed is None or (share := share_never_settled(posterior, claimed)) < WORTH_SAYING:
        return ()
    horizon = duration_words(posterior.card.horizon_h)
    contradicted = "Most outcomes contradict the record" if share > 0.5 else "Some outcomes contradict the record"
    return (
        f"{contradicted}: it says steady state (SS=1) on {regimen_words(claimed)}, but in {times_out_of(share, 1000)} outcomes levels on that have not settled "
        f"after {horizon}. What is shown holds there after {horizon} of these doses, and is no steady state: write out the doses that were given.",
    )

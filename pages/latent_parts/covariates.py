"""What moves clearance, volume and exposure: found on virtual patients or on an uploaded cohort, shown in the reader's units."""

import streamlit as st

from pages import chart, literal, model, theme
from pages.checks_parts.exhibit import csv
from pages.checks_parts.jobs import Step
from pages.checks_parts.running import begin, is_running, outcomes, show_running
from pages.latent_parts.cohort import Asked, choose_cohort
from pkvae_core.checks.progress import Progress
from pkvae_core.checks.virtual import fresh
from pkvae_core.insight.covariates import Discovery, Plan, discover_covariates
from pkvae_core.insight.discovery.columns import columns_of
from pkvae_core.insight.discovery.prior import LatentShift, latent_shifts
from pkvae_core.insight.discovery.sayings import effect_words, pair_words
from pkvae_core.patient import Patient
from pkvae_core.plots.covariates import effect_figure, pair_figure

Found = tuple[Discovery, tuple[LatentShift, ...]]


def show_covariates(drug: str) -> None:
    """The whole section: whose patients, which covariates, the run, what it found."""
    st.header("What moves clearance, volume and exposure?", anchor=False)
    st.caption(
        "The model reads each patient's levels with all covariates hidden; what the levels alone say is then regressed on all that is known of the patients."
    )
    asked = choose_cohort(drug)
    if asked is None:
        return
    names = _choose_names(drug, asked)
    step = _step(drug, asked, names)
    source = asked.source
    st.button(
        "Look for effects",
        type="primary",
        key="covariates_run",
        icon=":material/play_arrow:",
        disabled=is_running(source) or names == (),
        on_click=begin,
        args=(source, [step]),
    )
    with st.container(key="covariates_running"):
        show_running()
    outcome = outcomes(source).get(step.name)
    if outcome is None:
        return
    if outcome.failure:
        st.warning(outcome.failure, icon=":material/warning:")
        return
    show_found(drug, asked, outcome.result, outcome.seconds)


def _choose_names(drug: str, asked: Asked) -> tuple[str, ...] | None:
    """Which covariates of an uploaded cohort are looked into; None, all of them, for virtual patients."""
    if asked.source.given is None:
        return None
    columns, _ = columns_of(model(drug).card, asked.source.given, words=asked.words)
    labels = {column.name: column.label for column in columns}
    chosen = st.pills(
        "Covariates", list(labels), selection_mode="multi", default=list(labels), format_func=labels.__getitem__, key=f"covariates_names_{asked.source.key}"
    )
    return tuple(name for name in labels if name in (chosen or ()))


def _step(drug: str, asked: Asked, names: tuple[str, ...] | None) -> Step:
    """The work of the background job. Its name tells choices of covariates apart."""
    speaking, source = model(drug), asked.source

    def work(tick: Progress) -> Found:
        patients: tuple[Patient, ...] = source.given or fresh(speaking.card, source.count, samples=source.samples, seed=source.seed, changing=0.0).patients
        found = discover_covariates(speaking, patients, Plan(names=names, words=asked.words), progress=tick)
        return found, latent_shifts(speaking, patients)

    return Step(f"covariates {names}", "Covariates", work)


def show_found(drug: str, asked: Asked, found: Found, seconds: float) -> None:
    """Ranking, curves, pairs, the prior, and what was left out."""
    discovery, shifts = found
    st.caption(
        f"{asked.source.words()[0].upper()}{asked.source.words()[1:]}; covariates as they stand. Model {model(drug).version}. Computed here "
        f"in {seconds:.0f} s. Called: false-discovery rate at most {discovery.rate:.0%}, effects and pairs apart.".replace("%", " %")
    )
    labels = {quantity.name: quantity.label for quantity in discovery.quantities}
    quantity = st.segmented_control("On", list(labels), default=next(iter(labels)), required=True, format_func=labels.__getitem__, key="covariates_quantity")
    _show_ranking(drug, discovery, quantity)
    _show_curves(discovery)
    _show_pairs(discovery, quantity)
    left, right = st.columns(2)
    with left:
        _show_prior(shifts)
    with right:
        _show_notes((*discovery.notes, *asked.notes))


def _show_ranking(drug: str, found: Discovery, quantity: str) -> None:
    """Every covariate, most important first; what is not called stands below what is."""
    rows = [
        {
            "Covariate": effect.column.label,
            "Called": "yes" if effect.q <= found.rate else "no",
            "Effect (95 % interval)": effect_words(effect),
            "Share of the variance (%)": round(100 * max(effect.importance, 0), 1),
            "p": effect.p,
            "q": effect.q,
            "Patients": effect.patients,
        }
        for effect in found.effects_on(quantity)
    ]
    st.dataframe(
        rows,
        hide_index=True,
        width="stretch",
        key=f"covariates_table_{quantity}",
        column_config={
            "Share of the variance (%)": st.column_config.ProgressColumn(
                format="%.1f", min_value=0, max_value=100, help="Of the variance between patients: what would be left unexplained without this covariate."
            ),
            "p": st.column_config.NumberColumn(format="%.4f", help="By permutation, given all other covariates."),
            "q": st.column_config.NumberColumn(format="%.3f", help="The least false-discovery rate at which it is called (Benjamini-Hochberg)."),
            "Effect (95 % interval)": st.column_config.TextColumn(width="large", help="Read from the shape of the curve, others held."),
        },
    )
    st.download_button(
        "Numbers (CSV)", csv(rows), f"pkvae-{drug}-covariates-{quantity}.csv", "text/csv", icon=":material/download:", on_click="ignore", key="covariates_csv"
    )


def _show_curves(found: Discovery) -> None:
    """One covariate on every quantity that was asked."""
    ranked = found.effects_on(found.quantities[0].name)
    labels = {effect.column.name: effect.column.label for effect in ranked}
    name = st.selectbox("Effect curves of", list(labels), format_func=labels.__getitem__, key="covariates_curve", width=260)
    st.caption("A patient with each value who is otherwise as on average; band: 95 %. Grey: not called.")
    mine = [effect for effect in found.effects if effect.column.name == name]
    for place, effect in zip(st.columns(len(mine)), mine, strict=True):
        with place.container(border=True, height="stretch"):
            said = effect_words(effect)
            figure = effect_figure(theme(), effect, is_called=effect.q <= found.rate)
            chart(figure, key=f"covariates-curve-{effect.quantity.name}", alt=f"{effect.quantity.label} over {effect.column.label}. {said}.")
            st.caption(literal(f"{said[0].upper()}{said[1:]}."))


def _show_pairs(found: Discovery, quantity: str) -> None:
    """Pairs that act together beyond what each does alone."""
    pairs = found.pairs_on(quantity)
    st.markdown("**Acting together**")
    tested = sum(p.quantity.name == quantity for p in found.pairs)
    if not pairs:
        st.caption(f"None of {tested:,} pairs is called.")
        return
    st.caption(f"{len(pairs)} of {tested:,} pairs. Each cell: how far such patients lie from what the two say each alone (95 % interval).")
    for begin_at in range(0, len(pairs), 2):
        for place, pair in zip(st.columns(2), pairs[begin_at : begin_at + 2], strict=False):
            with place.container(border=True, height="stretch"):
                said = f"{pair.first.label} with {pair.second.label}"
                words = pair_words(pair)
                chart(pair_figure(theme(), pair), key=f"covariates-pair-{quantity}-{said}", alt=f"{said}: {words}.")
                st.caption(literal(f"{words[0].upper()}{words[1:]} (q = {pair.q:.3f})."))


def _show_prior(shifts: tuple[LatentShift, ...]) -> None:
    """What the model believes before any level, beside what the levels say."""
    st.markdown("**What moves the latent prior**")
    st.caption(
        "Before any level, others held: by how many of its own standard deviations the prior's mean moves in the latent space; clearance and volume there."
    )
    rows = [
        {
            "Covariate": shift.spec.label,
            "From, to": f"{shift.low:.3g} to {shift.high:.3g}" + (f" {shift.spec.unit}" if shift.spec.name != "SEX" else " (0 female, 1 male)"),
            "Latent (SD)": round(shift.distance, 2),
            "Clearance (%)": round(100 * (shift.clearance_ratio - 1)),
            "Volume (%)": round(100 * (shift.volume_ratio - 1)),
        }
        for shift in shifts
    ]
    st.dataframe(rows, hide_index=True, width="stretch", key="covariates_prior")


def _show_notes(notes: tuple[str, ...]) -> None:
    """What was left out or set aside, never in silence."""
    st.markdown("**Left out or set aside**")
    st.markdown("\n".join(f"- {literal(note)}" for note in notes) if notes else "Nothing.")

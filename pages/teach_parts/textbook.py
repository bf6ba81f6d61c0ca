"""The textbook's PKVAE, trained before the reader's eyes: what every part does, what beta does, and why it is not enough."""

import pandas as pd
import streamlit as st

from pages import chart, shipped_models, sign, theme
from pkvae_core.checks.recorded import recorded
from pkvae_core.checks.textbook import QUESTIONS
from pkvae_core.drugs.card import DrugCard
from pkvae_core.drugs.population import is_dose_proportional
from pkvae_core.plots import textbook as plots
from pkvae_core.vae.textbook import DOSES, GRID, LATENT, STEPS, Lesson, at_work, dimensions_in_use, grid_h, teach

BETAS = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0)
LESSONS = "textbook_lessons"


def show_textbook() -> None:
    """The whole lesson."""
    st.markdown(
        f"A variational autoencoder as textbooks draw it: {GRID} concentrations go into a small network, {LATENT} latent numbers come out, each as a mean and "
        "a spread; a second network turns a draw of them, and the dose, back into the curve. Train one now; it takes seconds."
    )
    drug, beta = _choices()
    sign(shipped_models()[drug].version)
    lesson = _lessons().get((drug, beta))
    if st.session_state.pop("textbook_go", False) or lesson is None and not _lessons():
        lesson = _trained(drug, beta)
    if lesson is None:
        st.info(f"Not trained with β = {beta:g} yet. Press Train.", icon=":material/model_training:")
    else:
        _parts(drug, lesson)
        _at_work(lesson)
    _why_not(drug)


def _lessons() -> dict[tuple[str, float], Lesson]:
    return st.session_state.setdefault(LESSONS, {})


def _choices() -> tuple[str, float]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = {drug: each.card.name for drug, each in shipped_models().items()}
        drug = st.selectbox("Drug", list(names), format_func=names.__getitem__, key="textbook_drug", width=190, persist_state="session")
        beta = st.select_slider(
            "β, the weight of the KL divergence", BETAS, 1.0, format_func=lambda b: f"{b:g}", key="textbook_beta", width=320, persist_state="session"
        )
        st.button("Train", icon=":material/model_training:", type="primary", on_click=lambda: st.session_state.update(textbook_go=True))
    return drug, beta


def _trained(drug: str, beta: float) -> Lesson:
    """One training, drawn while it goes on."""
    bar, place, lesson = st.progress(0.0, "Drawing virtual patients"), st.empty(), None
    card = shipped_models()[drug].card
    for i, lesson in enumerate(teach(card, beta=beta)):
        bar.progress(lesson.step[-1] / lesson.steps, f"Step {lesson.step[-1]:,} of {lesson.steps:,}")
        if i % 6 == 5:
            with place:
                chart(plots.parts_figure(theme(), lesson), key=f"textbook_live_{i}", alt="Parts of the negative ELBO so far.")
    assert lesson is not None
    bar.empty()
    place.empty()
    _lessons()[drug, beta] = lesson
    return lesson


def _parts(drug: str, lesson: Lesson) -> None:
    """The ELBO and its two parts, and where each beta tried so far ended."""
    left, right = st.columns(2)
    with left.container(border=True, height="stretch"):
        st.header("The ELBO and its two parts", anchor=False)
        chart(plots.parts_figure(theme(), lesson), key="textbook_parts", alt="Reconstruction, KL divergence and negative ELBO over the steps of training.")
        used = dimensions_in_use(lesson)
        st.caption(
            f"β = {lesson.beta:g}: ELBO {lesson.elbo:.1f} nats a patient; {used} of {LATENT} latent numbers differ between patients (variance of the mean over "
            f"0.01). Training minimises reconstruction + β × KL; the ELBO itself has β = 1."
        )
    with right.container(border=True, height="stretch"):
        st.header("What β does", anchor=False)
        tried = [each for (name, _), each in _lessons().items() if name == drug]
        chart(plots.trade_off_figure(theme(), tried), key="textbook_trade", alt="Reconstruction against KL divergence for every β tried.")
        st.caption(
            "β = 0 stores all it can and its latent space has no prior; a large β forgets the patient and draws everybody alike. Train several to compare."
        )


def _at_work(lesson: Lesson) -> None:
    """One virtual patient on the way through encoder, reparameterisation and decoder."""
    st.header("One patient on the way through", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        patient = st.slider("Virtual patient", 1, 20, 1, key="textbook_patient", width=260)
        eps = st.session_state.setdefault("textbook_eps", 0)
        st.button("Draw ε again", icon=":material/casino:", on_click=lambda: st.session_state.update(textbook_eps=eps + 1))
        doses = {"as given": None, **{f"× {d:g}": d for d in (*DOSES, 3.0)}}
        asked = st.segmented_control("Dose that the decoder is asked for", list(doses), default="as given", required=True, key="textbook_dose")
    work = at_work(lesson, patient=patient, eps_seed=eps, asked_dose=doses[asked])
    left, right = st.columns([42, 58])
    with left.container(border=True, height="stretch"):
        st.markdown("**Encoder**: a mean μ and a spread σ for each latent number.")
        chart(plots.encoder_figure(theme(), work), key="textbook_encoder", alt="Mean and 90 % interval of each latent number, and the draw.")
        st.markdown("**Reparameterisation**: z = μ + σ ε, with ε drawn from Normal(0, 1), so that the gradient flows through μ and σ.")
        rows = {"μ": work.mean, "σ": work.sd, "ε": work.eps, "z": work.z}
        names = [f"z{i + 1}" for i in range(LATENT)]
        table = {name: [f"{value:.2f}" for value in values] for name, values in rows.items()}
        st.table(pd.DataFrame(table, index=names).T)
    with right.container(border=True, height="stretch"):
        st.markdown("**Decoder**: from z and the dose back to the curve; band: the middle 90 % of 200 draws.")
        chart(plots.decoder_figure(theme(), work), key="textbook_decoder", alt="Decoded curve with its band, the true curve and the measured levels.")
        is_proportional = is_dose_proportional(lesson.card)
        truth = "the truth is proportional to the dose, and the network cannot know" if is_proportional else "how the truth goes on, the network cannot know"
        beyond = f" It was never trained beyond {max(DOSES):g}: {truth}." if work.dose > max(DOSES) else ""
        st.caption(f"Dose: {work.dose:g} times the typical one. The grid ends at {grid_h(lesson.card)[-1]:g} h.{beyond}")


def takes_doses(card: DrugCard) -> str:
    """What our model makes of another dose: proportional only where the drug is."""
    return "is proportional to the dose by construction" if is_dose_proportional(card) else "has the amount of each dose as its input"


def _why_not(drug: str) -> None:
    """Its recorded figures beside the shipped model's."""
    st.header("Why it is not enough", anchor=False)
    st.markdown(
        f"One grid: it must be told all {GRID} levels, and a ward has two or three, at odd hours. One dose: it has no input for the second. Its decoder knows "
        "no pharmacology: other doses are guesses. Its encoder does not see the dose, the weight or the kidneys. Our model reads any levels after any doses, "
        f"{takes_doses(shipped_models()[drug].card)}, and weighs its draws by the likelihood of the levels."
    )
    found = recorded("textbook")
    if found is None or drug not in found["drugs"]:
        st.info("Not measured for this drug yet: `python -m pkvae_core benchmark --of textbook --record`.", icon=":material/info:")
        return
    both = found["drugs"][drug]
    errors = [{QUESTIONS[name]: each and each["profile_error"] for name, each in both[who].items()} for who in ("textbook", "ours")]
    chart(plots.against_figure(theme(), *errors), key="textbook_against", alt="Median profile error of both models for four questions.")
    covers = ", ".join(f"{both[who]['few']['coverage']:.0f} % ({words})" for who, words in (("textbook", "textbook"), ("ours", "ours")))
    st.caption(
        f"{found['patients']} fresh virtual patients; the textbook's was trained in {both['seconds']:.0f} s ({STEPS:,} steps, β = 1; where levels are missing "
        f"it is told the population's mean). From three levels its 90 % bands hold the true concentration in {covers}. "
        "Reproduce: `python -m pkvae_core benchmark --of textbook`."
    )

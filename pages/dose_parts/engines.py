"""A second opinion: the regimen on the card as other engines see it, the dose each would choose, and an alarm where that would change the regimen."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages import chart, literal, posterior_for, theme
from pages.dose_parts.curves import future_times, past_times, rounded_lists
from pages.dose_parts.outcome import metrics, outcome
from pages.dose_parts.ranked import regimen_label
from pages.dose_parts.second import bands_by, beside, judged_by, own_opinion, posterior_by
from pages.dose_parts.shown import per_mg_per_L, unit_of
from pkvae_core.case import Case
from pkvae_core.dosing.agreement import Agreement, Opinion, engine_label
from pkvae_core.dosing.recommend import Recommendation
from pkvae_core.inference.posterior import Posterior
from pkvae_core.patient import Regimen
from pkvae_core.plots.dose import overlaid
from pkvae_core.report.words import percent_words, unit_words
from pkvae_core.wording import rounded

BADGES = {
    "agrees": ":green-badge[:material/check_circle: Agrees]",
    "differs": ":gray-badge[:material/swap_horiz: Little at stake]",
    "disagrees": ":orange-badge[:material/warning: Disagrees]",
    "silent": ":gray-badge[:material/volume_off: No opinion]",
}
ABOUT = {
    "vae": "The trained network, its draws weighed against the levels.",
    "average": "The drug's published models, each fitted to the levels and averaged by how well it explains them.",
    "map": "The drug's published model, fitted to the levels.",
    "exact": "The same published models by brute force: what MAP-Bayes and the network approximate.",
}
ADVICE = "Check times, units and doses before you choose; another level would decide between them."
SHORT = {"vae": "PKVAE", "average": "MAP", "map": "MAP", "exact": "Exact"}


def show_engines(case: Case, ranking: Recommendation, tried: Regimen, alarm: DeltaGenerator) -> None:
    """A card for each engine, what their differences mean, and their curves; `alarm` stands beside the answer."""
    ours = own_opinion(case, ranking)
    others = ["average", "exact"] if ours.engine == "vae" else ["exact"]
    verdicts, cards = st.container(gap=None), st.columns(1 + len(others), gap="small")
    with cards[0].container(border=True, height="stretch"):
        _show_card(case, posterior_for(case), ours, tried, ":blue-badge[:material/chat: Answers here]")
    shown = [ours.engine]
    for engine, column in zip(others, cards[1:], strict=True):
        with column.container(border=True, height="stretch"):
            if found := _asked(case, ranking, engine):
                _show_card(case, posterior_by(case, engine), found.other, tried, BADGES[found.verdict])
                verdicts.markdown(f"{BADGES[found.verdict]} {found.sentence}")
                _warn(found, alarm)
                shown.append(engine)
    _draw(case, tried, shown)
    _show_each_model(case, tried)


def _asked(case: Case, ranking: Recommendation, engine: str) -> Agreement | None:
    """The engine's opinion beside ours; None, with the reason or the button in its card, where there is none yet."""
    try:
        if engine != "exact":
            return beside(case, ranking, engine)
        if st.session_state.get("exact_for") == case.digest:
            with st.spinner("Computing the exact posterior", show_time=True):
                return beside(case, ranking, engine)
    except ValueError as error:
        st.markdown(f"**{engine_label(engine)}**")
        st.warning(f"{str(error)[:1].upper()}{str(error)[1:]}", icon=":material/warning:")
        return None
    st.markdown(f"**{engine_label(engine)}**")
    st.caption(ABOUT[_kind(engine)])
    st.button("Compute the exact posterior", icon=":material/calculate:", key="ask_exact", on_click=_ask_exact, args=(case.digest,), help="Takes seconds.")
    return None


def _ask_exact(digest: str) -> None:
    st.session_state["exact_for"] = digest


def _warn(found: Agreement, alarm: DeltaGenerator) -> None:
    if found.is_alarm:
        alarm.warning(f"**Second opinion.** {found.sentence} {ADVICE}", icon=":material/compare_arrows:")


def _show_card(case: Case, posterior: Posterior, said: Opinion, tried: Regimen, badge: str) -> None:
    """Exposure of the regimen that is shown, its chances, and the dose that this engine would choose."""
    option = judged_by(case, said.engine, tried)
    figures = [f"{m['label'].split(',')[0]} **{m['value']}** ({m['interval'].removeprefix('90 %: ')})" for m in metrics(case, option)[:2]]
    st.markdown(f"**{said.label}** {badge}")
    count, _, rest = outcome(case, option).partition(" likely")
    st.markdown("  \n".join([*figures, f"**{count}** likely{rest}"]))
    st.markdown(f"Would choose **{_choice(said)}**")
    known = posterior_for(case).cautions
    for caution in posterior.cautions:
        if caution not in known:
            st.markdown(f":orange-badge[:material/warning: Check] {literal(caution)}")
    st.caption(ABOUT[_kind(said.engine)])


def _kind(engine: str) -> str:
    """map for map:goti2018."""
    return engine.partition(":")[0]


def _choice(said: Opinion) -> str:
    """750 mg every 12 h, 78 % in target; none where nothing meets the target, with what ranks first."""
    words, chance = regimen_label(said.first.regimen), f"{percent_words(said.first.probability_in)} in target"
    return f"{words}, {chance}" if said.recommendation.best else f"none; {words} ranks first, {chance}"


def _draw(case: Case, tried: Regimen, engines: list[str]) -> None:
    """The regimen on the card by every engine, on one chart."""
    time_h = past_times(case) + future_times(case, tried)
    fans = {SHORT[_kind(engine)]: rounded_lists(bands_by(case, engine, tried, time_h) * per_mg_per_L(case)) for engine in engines}
    moments = [case.clock(t).replace(tzinfo=None) for t in time_h]
    levels = [
        (case.clock(s.time_h).replace(tzinfo=None), (s.concentration_mg_per_L or 0) * per_mg_per_L(case))
        for s in case.patient.samples
        if time_h[0] <= s.time_h <= time_h[-1] and not s.is_below_lloq and s.trust
    ]
    figure = overlaid(moments, fans, levels, theme(), now=case.clock(case.now_h).replace(tzinfo=None), unit=unit_words(case.unit))
    alt = f"Concentration on {regimen_label(tried)}, median and 90 % of likely concentrations, by {', '.join(map(engine_label, engines))}."
    chart(figure, alt=alt, key="engines_chart")
    st.caption("Lines: medians. Shaded, and between the thin lines: 90 % of likely concentrations by each engine. ● measured level")


def _show_each_model(case: Case, tried: Regimen) -> None:
    """Each published model alone: whether one of them carries the disagreement."""
    names = list(posterior_for(case).model_probability)
    if len(names) < 2:
        return
    with st.expander("Each published model alone", icon=":material/library_books:", key="each_model", on_change="rerun") as opened:
        if opened.open:
            st.markdown(_table(case, tried, names))
            about = "A model's weight is its probability given the levels; the exact dose is the one before rounding, at this interval."
            st.caption(f"{regimen_label(tried)} by MAP-Bayes with one published model at a time. {about}")


def _table(case: Case, tried: Regimen, names: list[str]) -> str:
    """Markdown: each model with its weight, exposure with its interval, chance in target, and the exact dose at the same interval."""
    average = posterior_by(case, "average").model_probability
    rows, own = [], {}
    for name in names:
        option = judged_by(case, f"map:{name}", tried)
        own = metrics(case, option)[0]
        interval = own["interval"].removeprefix("90 %: ").split(" ")[0]
        exact = f"{rounded(option.exact_amount_mg)} mg" if option.exact_amount_mg else ""
        model = engine_label(f"map:{name}").split(", ")[1]
        rows.append(f"| {model} ({percent_words(average[name])}) | **{own['value']}** ({interval}) | {percent_words(option.probability_in)} | {exact} |")
    unit = unit_of(case, case.target.metric)
    return "\n".join([f"| Model (weight) | {own['label'].split(',')[0]} {unit} | In target | Exact dose |", "|---|---|---|---|", *rows])

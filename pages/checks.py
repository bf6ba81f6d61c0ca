"""Model checks: does every claim on the other pages hold, on patients that the model has never seen?"""

from collections.abc import Callable
from typing import Any

import streamlit as st

from pages import is_own, model, open_page
from pages.checks_parts.calibrated import show_coverage, show_ranks
from pages.checks_parts.dosed import show_doses
from pages.checks_parts.figures import show_key_figures
from pages.checks_parts.foreseen import show_forecasts
from pages.checks_parts.jobs import Outcome, Step
from pages.checks_parts.offered import offered
from pages.checks_parts.plausible import show_plausibility
from pages.checks_parts.predicted import show_fit, show_vpc
from pages.checks_parts.replayed import show_loop, show_replay
from pages.checks_parts.running import begin, duration, is_running, outcomes, show_running
from pages.checks_parts.source import Source, choose_source
from pages.models_parts.held_out import scoreboard_csv, show_scoreboard

SECTIONS: dict[str, tuple[tuple[str, Callable[[Source, Any], None]], ...]] = {
    "Calibration": (("coverage", show_coverage), ("ranks", show_ranks), ("own_ranks", show_ranks)),
    "Visual predictive checks": (("vpc", show_vpc),),
    "Goodness of fit": (("fit", show_fit),),
    "Forecasts by number of levels": (("forecasts", show_forecasts),),
    "Dose prediction": (("doses", show_doses),),
    "Prospective replay": (("replay", show_replay), ("loop", show_loop)),
    "Plausibility": (("plausibility", show_plausibility),),
}


def page() -> None:
    st.title("Model checks", anchor=False)
    st.markdown("Every claim on the other pages, tried on patients whose levels the model has not seen. Choose whom, then run.")
    source = choose_source()
    if source is None:
        show_running()
        return
    steps, ended = offered(source), outcomes(source)
    _offer_run(source, steps, ended)
    with st.container(key="checks_running"):  # always there: what stands below keeps its place when a run begins
        show_running()
    show_key_figures(source, ended)
    _say_whose(source, ended)
    for title, parts in SECTIONS.items():
        if here := [(name, show) for name, show in parts if name in steps]:
            st.header(title, anchor=False)
            for name, show in here:
                _show_part(source, steps[name], ended.get(name), show)
    _show_benchmark(source.drug)


def _offer_run(source: Source, steps: dict[str, Step], ended: dict[str, Outcome]) -> None:
    """Which checks, and the one button."""
    labels = {name: step.label for name, step in steps.items()}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.pills(
            "Checks",
            list(labels),
            default=list(labels),
            selection_mode="multi",
            format_func=labels.__getitem__,
            key=f"checks_of_{source.is_virtual}",
            wrap=True,
        )
        chosen = [name for name in labels if name in (chosen or ())]
        what = "all checks" if len(chosen) == len(labels) else "one check" if len(chosen) == 1 else f"{len(chosen)} checks"
        st.button(
            f"Run {what}",
            type="primary",
            key="checks_run",
            icon=":material/play_arrow:",
            disabled=not chosen or is_running(source),
            on_click=begin,
            args=(source, [steps[name] for name in chosen]),
        )


def _say_whose(source: Source, ended: dict[str, Outcome]) -> None:
    """Whose figures these are, by which model, and what they took."""
    if ended:
        took = duration(sum(outcome.seconds for outcome in ended.values()))
        st.caption(f"{source.words()[0].upper()}{source.words()[1:]}. Model {model(source.drug).version}. Computed here in {took}.")
    elif not is_running(source):
        st.info("Nothing has been checked on these patients yet: no figure is shown that was not computed here.", icon=":material/info:")


def _show_part(source: Source, step: Step, outcome: Outcome | None, show: Callable[[Source, Any], None]) -> None:
    """The result of one check; otherwise the reason why there is none."""
    if outcome is None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"{step.label}: not checked yet.", width="content")
            st.button("Run this check", key=f"checks_run_{step.name}", type="tertiary", disabled=is_running(source), on_click=begin, args=(source, [step]))
    elif outcome.failure:
        st.warning(f"{step.label}: {outcome.failure}", icon=":material/warning:")
    else:
        show(source, outcome.result)


def _show_benchmark(drug: str) -> None:
    """The recorded benchmark, as far as it was made; the Models page has all of it. Own models have none."""
    if is_own(drug):
        return
    st.header("Against the exact posterior and MAP-Bayes, as recorded", anchor=False)
    card, held_out = model(drug).card, model(drug).provenance["held_out"]
    if not held_out.get("cells"):
        st.info(f"Not measured yet for this model. `python -m pkvae_core benchmark {drug} --record` measures it.", icon=":material/info:")
        return
    with st.container(border=True):
        show_scoreboard(card, held_out)
        content = scoreboard_csv(card, held_out)
        st.download_button("Numbers (CSV)", content, f"pkvae-{drug}-benchmark.csv", "text/csv", icon=":material/download:", on_click="ignore")
    st.page_link("pages/models.py", label="All figures of each model", icon=":material/fact_check:")


open_page()
page()
